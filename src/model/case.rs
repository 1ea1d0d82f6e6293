//! An issue of a customer over all channels, as its entries tell it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, Micros};

/// How far a case has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    Open,
    WaitingForCustomer,
    WaitingForUs,
    Resolved,
    Reopened,
}

/// A case: what its entries add up to. Kept as JSON.
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
    /// Order numbers as they were first given.
    pub orders: Vec<String>,
    pub serials: Vec<String>,
    pub channel: Option<Channel>,
    pub opened_at: Micros,
    pub changed_at: Micros,
    pub resolved_at: Option<Micros>,
    pub entry_id: Uuid,
    pub times_reopened: i32,
    /// By key.
    pub facts: Vec<Fact>,
    pub hand_over: Option<HandOver>,
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

/// Something the customer told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    pub key: String,
    /// At least one, the oldest first: the last one counts.
    pub told: Vec<Told>,
    pub reasks: Vec<Reask>,
}

/// A value that was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub value: String,
    pub at: Micros,
    pub channel: Option<Channel>,
    pub actor: String,
    pub entry_id: Uuid,
}

/// A fact was asked for although it was known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reask {
    pub at: Micros,
    pub channel: Option<Channel>,
    pub actor: String,
    pub entry_id: Uuid,
}

/// A case passed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    pub state: HandOverState,
    pub from: String,
    pub offer: Offer,
    pub offered_at: Micros,
    pub answered_at: Option<Micros>,
    pub answered_by: String,
    pub reason: String,
    pub entry_id: Uuid,
    /// Who owned it, and where it waited, before.
    pub before: (String, String),
}

/// What a hand-over says.
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
pub enum HandOverState {
    Offered,
    Accepted,
    Returned,
}

/// A change of a case, as its entry tells it.
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
    HandOverAccepted,
    HandOverReturned,
    /// Ends the pass that was issued before.
    PassIssued {
        expires_at: Micros,
    },
    PassRedeemed,
}

/// What a case begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    pub subject: String,
    pub owner: String,
    pub queue: String,
    pub orders: Vec<String>,
    pub serials: Vec<String>,
}

/// What changes of a case; nothing stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaseUpdate {
    pub subject: Option<String>,
    pub owner: Option<String>,
    pub queue: Option<String>,
    /// Not resolved, and not reopened.
    pub state: Option<CaseState>,
    pub add_orders: Vec<String>,
    pub add_serials: Vec<String>,
}

/// The entry that tells of a change: what is the same of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub entry_id: Uuid,
    pub record_id: Uuid,
    pub revision: i64,
    pub at: Micros,
    /// Nothing for what the server itself tells.
    pub channel: Option<Channel>,
    pub actor: String,
    pub reason: String,
}

/// A change of a case that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseWrite {
    pub case_id: Uuid,
    pub channel: Channel,
    /// The etag that the case must have.
    pub etag: Option<String>,
    pub change: CaseChange,
    /// What was noticed in its texts: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
}
