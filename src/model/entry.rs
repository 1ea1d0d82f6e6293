//! Lines of a customer's story, on their way into the store.

use uuid::Uuid;

use super::{Conflict, Identifier, Micros, OrderNews, Origin, Profile, Violation};

/// The way a customer and the company met.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Phone,
    Web,
    Email,
    Chat,
    Messaging,
    Social,
    Store,
    App,
    Letter,
}

impl Channel {
    pub const ALL: [Self; 9] = [
        Self::Phone,
        Self::Web,
        Self::Email,
        Self::Chat,
        Self::Messaging,
        Self::Social,
        Self::Store,
        Self::App,
        Self::Letter,
    ];

    /// The name in the database, in import maps and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Web => "web",
            Self::Email => "email",
            Self::Chat => "chat",
            Self::Messaging => "messaging",
            Self::Social => "social",
            Self::Store => "store",
            Self::App => "app",
            Self::Letter => "letter",
        }
    }

    /// The channel of that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.code() == code)
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    Interaction,
    Purchase,
    Return,
    Feedback,
    Note,
    /// Made by the server, with no channel.
    IdentityChange,
    /// These are made by the server, with the channel of the call, or with none by the clock.
    CaseChange,
    Fact,
    PromiseChange,
    HandOver,
    OrderChange,
    Quote,
}

impl EntryKind {
    pub const ALL: [Self; 12] = [
        Self::Interaction,
        Self::Purchase,
        Self::Return,
        Self::Feedback,
        Self::Note,
        Self::IdentityChange,
        Self::CaseChange,
        Self::Fact,
        Self::PromiseChange,
        Self::HandOver,
        Self::OrderChange,
        Self::Quote,
    ];

    /// The name in the database, in import maps and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Interaction => "interaction",
            Self::Purchase => "purchase",
            Self::Return => "return",
            Self::Feedback => "feedback",
            Self::Note => "note",
            Self::IdentityChange => "identity_change",
            Self::CaseChange => "case_change",
            Self::Fact => "fact",
            Self::PromiseChange => "promise_change",
            Self::HandOver => "hand_over",
            Self::OrderChange => "order_change",
            Self::Quote => "quote",
        }
    }

    /// The kind of that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// The first half of the SHA-256 of a call's content: tells a retry from another call.
pub type BodyHash = [u8; 16];

/// What makes a retry of a write harmless. It is unique for life.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WriteName {
    /// The caller's id of the call.
    Request(Uuid),
    /// The entry's name in the system it comes from.
    Source { source: String, source_ref: String },
}

impl WriteName {
    /// The scope and the name in it, as they are kept. No source is called `request_id`: its name
    /// is refused at the edge.
    pub fn parts(&self) -> (String, String) {
        match self {
            Self::Request(id) => ("request_id".to_owned(), id.to_string()),
            Self::Source { source, source_ref } => (source.clone(), source_ref.clone()),
        }
    }
}

/// Whose timeline an entry goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Customer(Uuid),
    /// At least one; a customer that none of them names comes into being.
    Identifiers(Vec<Identifier>),
}

impl Target {
    /// What names the customer where no id does.
    pub fn identifiers(&self) -> &[Identifier] {
        match self {
            Self::Customer(_) => &[],
            Self::Identifiers(identifiers) => identifiers,
        }
    }
}

/// An entry that has been checked, with what the store needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    pub id: Uuid,
    pub occurred_at: Micros,
    pub kind: EntryKind,
    /// Nothing for what the server itself tells.
    pub channel: Option<Channel>,
    /// The key of the order that this entry is, for a purchase with a number.
    pub purchase: Option<String>,
    /// The keys of the orders that it is about.
    pub orders: Vec<String>,
    /// Whether the customer complains.
    pub complaint: bool,
    /// What it tells of an order, and the key that is kept under.
    pub news: Option<(String, OrderNews)>,
    /// The entry of the same customer that it answers.
    pub reply_to: Option<Uuid>,
    /// The case that it belongs to.
    pub case_id: Option<Uuid>,
    /// The words it is found by, parted by a space.
    pub words: String,
    /// What the server noticed in it: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
    /// The encoded message, less what the store sets.
    pub content: Vec<u8>,
}

/// Which case an entry joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaseChoice {
    #[default]
    None,
    This(Uuid),
    /// The most probable one, where it is at least so probable, in percent.
    Auto(u8),
}

/// An open case that an entry may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbableCase {
    pub case_id: Uuid,
    pub subject: String,
    /// From 1 to 99.
    pub percent: u8,
    /// With the percentage of each by itself, the strongest first.
    pub clues: Vec<(CaseClue, u8)>,
}

/// What speaks for a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseClue {
    SameOrder,
    SerialNumber,
    OrderNumber,
    Topic,
    Recent,
}

/// One entry to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub target: Target,
    /// Fills what is empty of the customer's profile.
    pub profile: Profile,
    pub origin: Origin,
    pub entry: NewEntry,
    pub case: CaseChoice,
    /// At least one.
    pub names: Vec<WriteName>,
    pub body: BodyHash,
    /// See [`Asked`](super::Asked).
    pub time_violations: Vec<Violation>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The record that the entry is in.
    pub record_id: Uuid,
    /// The canonical id of the customer.
    pub customer_id: Uuid,
    pub entry_id: Uuid,
    pub revision: i64,
    pub recorded_at: Micros,
    pub customer_created: bool,
    pub already_recorded: bool,
    pub conflicts: Vec<Conflict>,
    pub case_id: Option<Uuid>,
    /// The most probable one first.
    pub probable_cases: Vec<ProbableCase>,
}
