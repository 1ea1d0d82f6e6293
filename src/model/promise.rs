//! Promises of the company.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Channel, Micros};

/// The state of a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromiseState {
    Open,
    Kept,
    Broken,
    Withdrawn,
}

impl PromiseState {
    /// The name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// An amount of money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// ISO 4217.
    pub currency: String,
    pub minor_units: i64,
}

/// A promise, derived from its entries. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    pub id: Uuid,
    /// The record it was made to.
    pub record_id: Uuid,
    pub case_id: Option<Uuid>,
    pub made: PromiseTerms,
    pub state: PromiseState,
    pub actor: String,
    pub channel: Option<Channel>,
    pub made_at: Micros,
    pub broken_at: Option<Micros>,
    pub settled_at: Option<Micros>,
    pub reason: String,
    pub entry_id: Uuid,
    pub last_entry_id: Uuid,
    pub revision: i64,
}

impl Promise {
    /// Whether it is open or broken, so that agents have to see it.
    pub fn is_unsettled(&self) -> bool {
        matches!(self.state, PromiseState::Open | PromiseState::Broken)
    }
}

/// What is promised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromiseTerms {
    pub what: String,
    /// Who will do it.
    pub by: String,
    pub due_at: Micros,
    pub amount: Option<Amount>,
}

/// A change of a promise, as its entry records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromiseChange {
    Made(PromiseTerms),
    Kept,
    Withdrawn,
    /// The due time has passed.
    Broken,
}

/// A requested promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPromise {
    pub to: PromisedTo,
    pub channel: Channel,
    pub making: PromiseTerms,
    /// What the server noticed in its texts: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
}

/// The recipient of a promise or a quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromisedTo {
    Customer(Uuid),
    /// The customer of a case.
    Case(Uuid),
}
