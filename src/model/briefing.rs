//! What whoever meets the customer next must see first.

use uuid::Uuid;

use super::{
    Case, CaseState, Channel, ComparedQuote, Consent, EntryKind, Micros, Profile, Promise,
    PurchaseState,
};

/// What of an entry a briefing may need.
#[derive(Clone, Debug, PartialEq)]
pub struct Glimpse {
    pub entry_id: Uuid,
    pub occurred_at: Micros,
    pub recorded_at: Micros,
    pub kind: EntryKind,
    /// Nothing for what the server itself tells.
    pub channel: Option<Channel>,
    pub case_id: Option<Uuid>,
    pub agent: String,
    /// A BCP 47 tag, or nothing.
    pub language: String,
    /// Its subject, or the beginning of its text.
    pub summary: String,
    /// Whether the customer began it: an inbound interaction.
    pub is_inbound: bool,
    pub is_complaint: bool,
    /// From -1 to 1.
    pub sentiment: Option<f64>,
    pub feedback: Option<Score>,
}

/// What a customer has scored.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// As the contract numbers them.
    pub metric: i32,
    pub score: f64,
    pub scale_max: i32,
    pub text: String,
}

/// What a briefing is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub customer: BriefedCustomer,
    pub sureness: Sureness,
    /// The moment that the briefing tells of.
    pub as_of: Micros,
    /// The newest entries, the newest first.
    pub entries: Vec<Glimpse>,
    /// Entries that are older than those: at least the last one of each channel, the last complaint
    /// and the last feedback. Nothing where there are no older ones.
    pub older: Vec<Glimpse>,
    /// All open cases, as far as they are counted, and the one of the last complaint.
    pub cases: Vec<Case>,
    /// All promises that are not settled, as far as they are counted.
    pub promises: Vec<Promise>,
    /// The last bought ones, the last one first.
    pub purchases: Vec<PurchaseState>,
    /// Those that are valid, the one given last first.
    pub quotes: Vec<ComparedQuote>,
}

/// Who the customer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BriefedCustomer {
    /// The canonical id.
    pub customer_id: Uuid,
    pub profile: Profile,
    pub records: usize,
    pub identifiers: usize,
    pub verified_identifiers: usize,
}

/// How sure it is who a customer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sureness {
    /// Named by id.
    ById,
    Verified,
    Claimed,
}

/// What whoever meets the customer next must see first.
#[derive(Clone, Debug, PartialEq)]
pub struct Briefing {
    pub customer: BriefedCustomer,
    pub as_of: Micros,
    pub sureness: Sureness,
    /// What is broken first.
    pub promises: Vec<Promise>,
    pub more_promises: usize,
    pub cases: Vec<Case>,
    pub more_cases: usize,
    pub last_complaint: Option<Complaint>,
    /// One of each channel.
    pub last_entries: Vec<Glimpse>,
    pub mood: Mood,
    pub contacts: Contacts,
    pub preferences: Preferences,
    pub known_facts: Vec<KnownFact>,
    pub purchases: Vec<PurchaseState>,
    pub quotes: Vec<ComparedQuote>,
}

/// A complaint, and what became of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    pub entry: Glimpse,
    /// How far its case has come, how it ended, and when; nothing where it has none.
    pub case: Option<(CaseState, String, Option<Micros>)>,
}

/// How the customer feels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mood {
    pub mean_sentiment: Option<f64>,
    pub sentiments: usize,
    pub sentiment_entry: Option<Uuid>,
    /// With its entry and time.
    pub feedback: Option<(Score, Uuid, Micros)>,
}

/// How often the customer came lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    pub last_30_days: usize,
    pub repeats: usize,
    pub is_more: bool,
    pub last_entry: Option<Uuid>,
}

/// How the customer wants to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    pub language: String,
    /// The entry that the language was taken from.
    pub language_entry: Option<Uuid>,
    pub preferred_channel: Option<Channel>,
    pub usual_channel: Option<Channel>,
    pub consents: Vec<Consent>,
}

/// Something that the customer has told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFact {
    pub key: String,
    pub value: String,
    pub told_at: Micros,
    pub channel: Option<Channel>,
    pub case_id: Uuid,
    pub entry_id: Uuid,
}
