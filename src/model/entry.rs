//! Entries of a timeline, on their way into the store.

use uuid::Uuid;

use super::{Conflict, Identifier, Micros, OrderEvent, Origin, Profile, Violation};

/// The channel of a contact.
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

    /// The channel with that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.code() == code)
    }
}

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    Interaction,
    Purchase,
    Return,
    Feedback,
    Note,
    /// Created by the server, without a channel.
    IdentityChange,
    /// The following are created by the server, with the channel of the call, or without one if the
    /// clock causes them.
    CaseChange,
    Fact,
    PromiseChange,
    Handover,
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
        Self::Handover,
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
            Self::Handover => "handover",
            Self::OrderChange => "order_change",
            Self::Quote => "quote",
        }
    }

    /// The kind with that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// The first half of the SHA-256 of a request's content. It distinguishes a retry from another
/// call.
pub type BodyHash = [u8; 16];

/// An idempotency key. It is unique for ever.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdempotencyKey {
    /// The `request_id` of a call.
    Request(Uuid),
    /// The id of an entry in its source system.
    Source { source: String, source_ref: String },
}

impl IdempotencyKey {
    /// The stored scope and name of the key. `request_id` is refused as the name of a source, so
    /// that the scopes never collide.
    pub fn parts(&self) -> (String, String) {
        match self {
            Self::Request(id) => ("request_id".to_owned(), id.to_string()),
            Self::Source { source, source_ref } => (source.clone(), source_ref.clone()),
        }
    }
}

/// The customer whose timeline an entry goes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Customer(Uuid),
    /// At least one. If none of them names a customer, one is created.
    Identifiers(Vec<Identifier>),
}

impl Target {
    /// The identifiers, or none if the customer is named by id.
    pub fn identifiers(&self) -> &[Identifier] {
        match self {
            Self::Customer(_) => &[],
            Self::Identifiers(identifiers) => identifiers,
        }
    }
}

/// A validated entry, with what the store needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    pub id: Uuid,
    pub occurred_at: Micros,
    pub kind: EntryKind,
    /// None for entries that the server itself creates.
    pub channel: Option<Channel>,
    /// The order key of a purchase with an order number.
    pub purchase: Option<String>,
    /// The keys of the orders that it is about.
    pub orders: Vec<String>,
    /// Whether the customer complains.
    pub complaint: bool,
    /// What it says of an order, with the key of the order.
    pub order_event: Option<(String, OrderEvent)>,
    /// The entry of the same customer that it answers.
    pub reply_to: Option<Uuid>,
    /// The case that it belongs to.
    pub case_id: Option<Uuid>,
    /// The words it is found by, separated by spaces.
    pub words: String,
    /// What the server noticed in it: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
    /// The encoded message without the fields that the store sets.
    pub content: Vec<u8>,
}

/// The case that an entry joins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CaseChoice {
    #[default]
    None,
    This(Uuid),
    /// The most probable case, if its probability in percent is at least this.
    Auto(u8),
}

/// An open case that an entry may belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbableCase {
    pub case_id: Uuid,
    pub subject: String,
    /// From 1 to 99.
    pub percent: u8,
    /// Each clue with its own percentage, the strongest first.
    pub clues: Vec<(CaseClue, u8)>,
}

/// A clue that an entry belongs to a case.
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
pub struct RecordEntry {
    pub target: Target,
    /// Fills empty fields of the customer's profile.
    pub profile: Profile,
    pub origin: Origin,
    pub entry: NewEntry,
    pub case: CaseChoice,
    /// At least one.
    pub names: Vec<IdempotencyKey>,
    pub body: BodyHash,
    /// See [`RequestContext`](super::RequestContext).
    pub time_violations: Vec<Violation>,
}

/// The result of recording an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEntry {
    /// The record of the entry.
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
