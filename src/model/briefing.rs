//! The briefing: what an agent must see first when meeting a customer.

use uuid::Uuid;

use super::{
    Case, CaseState, Channel, ComparedQuote, Consent, EntryKind, Micros, Profile, Promise,
    PurchaseState,
};

/// The parts of an entry that a briefing may need.
#[derive(Clone, Debug, PartialEq)]
pub struct EntrySummary {
    pub entry_id: Uuid,
    pub occurred_at: Micros,
    pub recorded_at: Micros,
    pub kind: EntryKind,
    /// None for entries that the server itself creates.
    pub channel: Option<Channel>,
    pub case_id: Option<Uuid>,
    pub agent: String,
    /// A BCP 47 tag, or empty.
    pub language: String,
    /// The subject, or the beginning of the text.
    pub summary: String,
    /// Whether the customer began it: an inbound interaction.
    pub is_inbound: bool,
    pub is_complaint: bool,
    /// From -1 to 1.
    pub sentiment: Option<f64>,
    pub feedback: Option<Score>,
}

/// A score that a customer gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The number of the metric in the contract.
    pub metric: i32,
    pub score: f64,
    pub scale_max: i32,
    pub text: String,
}

/// The input of a briefing.
#[derive(Clone, Debug, PartialEq)]
pub struct BriefingInput {
    pub customer: BriefedCustomer,
    pub confidence: Confidence,
    /// The moment that the briefing describes.
    pub as_of: Micros,
    /// The newest entries, in descending order.
    pub entries: Vec<EntrySummary>,
    /// Older entries: at least the last one of each channel, the last complaint and the last
    /// feedback. Empty if there are no older ones.
    pub older: Vec<EntrySummary>,
    /// All open cases, up to the counting limit, and the case of the last complaint.
    pub cases: Vec<Case>,
    /// All unsettled promises, up to the counting limit.
    pub promises: Vec<Promise>,
    /// The last purchases, the newest first.
    pub purchases: Vec<PurchaseState>,
    /// The valid quotes, the last given first.
    pub quotes: Vec<ComparedQuote>,
}

/// The identity of the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BriefedCustomer {
    /// The canonical id.
    pub customer_id: Uuid,
    pub profile: Profile,
    pub records: usize,
    pub identifiers: usize,
    pub verified_identifiers: usize,
}

/// How the customer was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confidence {
    /// Named by id.
    ById,
    Verified,
    Claimed,
}

/// A briefing.
#[derive(Clone, Debug, PartialEq)]
pub struct Briefing {
    pub customer: BriefedCustomer,
    pub as_of: Micros,
    pub confidence: Confidence,
    /// The broken ones first.
    pub promises: Vec<Promise>,
    pub more_promises: usize,
    pub cases: Vec<Case>,
    pub more_cases: usize,
    pub last_complaint: Option<Complaint>,
    /// The last entry of each channel.
    pub last_entries: Vec<EntrySummary>,
    pub mood: Mood,
    pub contacts: Contacts,
    pub preferences: Preferences,
    pub known_facts: Vec<KnownFact>,
    pub purchases: Vec<PurchaseState>,
    pub quotes: Vec<ComparedQuote>,
}

/// A complaint and its outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Complaint {
    pub entry: EntrySummary,
    /// The state, disposition and resolution time of its case; None if it has no case.
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

/// How often the customer made contact lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contacts {
    pub last_30_days: usize,
    pub repeats: usize,
    pub is_more: bool,
    pub last_entry: Option<Uuid>,
}

/// How the customer prefers to be contacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    pub language: String,
    /// The entry that the language was taken from.
    pub language_entry: Option<Uuid>,
    pub preferred_channel: Option<Channel>,
    pub usual_channel: Option<Channel>,
    pub consents: Vec<Consent>,
}

/// A fact that the customer told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFact {
    pub key: String,
    pub value: String,
    pub told_at: Micros,
    pub channel: Option<Channel>,
    pub case_id: Uuid,
    pub entry_id: Uuid,
}
