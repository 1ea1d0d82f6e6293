//! Cases: issues of a customer across all channels, derived from their entries.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, Micros};

/// The state of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    Open,
    WaitingForCustomer,
    WaitingForUs,
    Resolved,
    Reopened,
}

/// A case, derived from its entries. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    pub id: Uuid,
    /// The record it was opened with.
    pub record_id: Uuid,
    pub subject: String,
    pub state: CaseState,
    /// Empty: nobody.
    pub owner: String,
    /// Empty: none.
    pub queue: String,
    /// Empty until it is resolved.
    pub disposition: String,
    /// Order numbers as first given.
    pub orders: Vec<String>,
    pub serials: Vec<String>,
    pub channel: Option<Channel>,
    pub opened_at: Micros,
    pub changed_at: Micros,
    pub resolved_at: Option<Micros>,
    pub entry_id: Uuid,
    pub times_reopened: i32,
    /// Sorted by key.
    pub facts: Vec<Fact>,
    pub handover: Option<Handover>,
    pub revision: i64,
}

impl Case {
    pub fn is_resolved(&self) -> bool {
        self.state == CaseState::Resolved
    }

    /// Changes with each change of the case.
    pub fn etag(&self) -> String {
        format!("{}-{}", self.id.simple(), self.revision)
    }

    pub fn fact(&self, key: &str) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.key == key)
    }
}

/// A fact that the customer told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub key: String,
    /// At least one, the oldest first. The last one is current.
    pub values: Vec<FactValue>,
    pub reasks: Vec<Reask>,
}

/// A value that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactValue {
    pub value: String,
    pub at: Micros,
    pub channel: Option<Channel>,
    pub actor: String,
    pub entry_id: Uuid,
}

/// A re-ask: a fact was asked for although it was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reask {
    pub at: Micros,
    pub channel: Option<Channel>,
    pub actor: String,
    pub entry_id: Uuid,
}

/// A handover of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    pub state: HandoverState,
    pub from: String,
    pub offer: Offer,
    pub offered_at: Micros,
    pub answered_at: Option<Micros>,
    pub answered_by: String,
    pub reason: String,
    pub entry_id: Uuid,
    /// The owner and the queue before the handover.
    pub before: (String, String),
}

/// The content of a handover.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    pub to: String,
    pub to_queue: String,
    pub note: String,
    pub open_questions: Vec<String>,
    pub next_step: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoverState {
    Offered,
    Accepted,
    Returned,
}

/// A change of a case, as its entry records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseChange {
    Opened(Opening),
    Updated(CaseUpdate),
    Resolved {
        disposition: String,
    },
    Reopened,
    FactTold {
        key: String,
        value: String,
        told_in: Option<Uuid>,
    },
    FactReasked {
        key: String,
    },
    HandedOver(Offer),
    HandoverAccepted,
    HandoverReturned,
    /// Ends any pass issued before.
    PassIssued {
        expires_at: Micros,
    },
    PassRedeemed,
}

/// The initial content of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    pub subject: String,
    pub owner: String,
    pub queue: String,
    pub orders: Vec<String>,
    pub serials: Vec<String>,
}

/// An update of a case; None leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseUpdate {
    pub subject: Option<String>,
    pub owner: Option<String>,
    pub queue: Option<String>,
    /// Neither resolved nor reopened.
    pub state: Option<CaseState>,
    pub add_orders: Vec<String>,
    pub add_serials: Vec<String>,
}

/// The metadata of an entry that records a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMeta {
    pub entry_id: Uuid,
    pub record_id: Uuid,
    pub revision: i64,
    pub at: Micros,
    /// None for entries that the server itself creates.
    pub channel: Option<Channel>,
    pub actor: String,
    pub reason: String,
}

/// A requested change of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseWrite {
    pub case_id: Uuid,
    pub channel: Channel,
    /// The expected etag of the case.
    pub etag: Option<String>,
    pub change: CaseChange,
    /// What the server noticed in its texts: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
}
