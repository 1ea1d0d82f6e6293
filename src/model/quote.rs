//! What the company told a customer that it would sell for.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Amount, Channel, Micros, PromisedTo};

/// A quote: what its entries add up to. Kept as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub id: Uuid,
    /// The record it was given to.
    pub record_id: Uuid,
    pub case_id: Option<Uuid>,
    pub terms: Terms,
    pub actor: String,
    pub channel: Option<Channel>,
    /// It is valid from then.
    pub given_at: Micros,
    pub withdrawn_at: Option<Micros>,
    /// Why it was withdrawn.
    pub reason: String,
    pub entry_id: Uuid,
    pub last_entry_id: Uuid,
    pub revision: i64,
}

impl Quote {
    /// When it ends or ended: it is not valid at this moment.
    pub fn ends_at(&self) -> Micros {
        let until = self.terms.valid_until;
        self.withdrawn_at.map_or(until, |withdrawn_at| withdrawn_at.min(until))
    }

    pub fn is_valid(&self, at: Micros) -> bool {
        (self.given_at..self.ends_at()).contains(&at)
    }
}

/// What is quoted. A text is empty where there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub sku: String,
    pub article: String,
    /// Of one.
    pub price: Option<Amount>,
    pub offer: String,
    pub promotion_code: String,
    pub valid_until: Micros,
}

/// A change of a quote, as its entry tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteChange {
    Given(Terms),
    Withdrawn,
}

/// A quote to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQuote {
    pub to: PromisedTo,
    pub channel: Channel,
    pub terms: Terms,
    /// What was noticed in its texts: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
}

/// A quote, and those that contradict it: the one given first first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedQuote {
    pub quote: Quote,
    pub conflicts: Vec<Uuid>,
}
