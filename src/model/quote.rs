//! Quotes: prices and offers that a customer was told.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Amount, Channel, Micros, PromisedTo};

/// A quote, derived from its entries. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    pub id: Uuid,
    /// The record it was given to.
    pub record_id: Uuid,
    pub case_id: Option<Uuid>,
    pub terms: Terms,
    pub actor: String,
    pub channel: Option<Channel>,
    /// The start of its validity.
    pub given_at: Micros,
    pub withdrawn_at: Option<Micros>,
    /// Why it was withdrawn.
    pub reason: String,
    pub entry_id: Uuid,
    pub last_entry_id: Uuid,
    pub revision: i64,
}

impl Quote {
    /// The end of its validity, exclusive.
    pub fn ends_at(&self) -> Micros {
        let until = self.terms.valid_until;
        self.withdrawn_at.map_or(until, |withdrawn_at| withdrawn_at.min(until))
    }

    pub fn is_valid(&self, at: Micros) -> bool {
        (self.given_at..self.ends_at()).contains(&at)
    }
}

/// The terms of a quote. Absent texts are empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub sku: String,
    pub article: String,
    /// The unit price.
    pub price: Option<Amount>,
    pub offer: String,
    pub promotion_code: String,
    pub valid_until: Micros,
}

/// A change of a quote, as its entry records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteChange {
    Given(Terms),
    Withdrawn,
}

/// A requested quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQuote {
    pub to: PromisedTo,
    pub channel: Channel,
    pub terms: Terms,
    /// What the server noticed in its texts: values of the contract's EntryFlag.
    pub flags: Vec<i32>,
}

/// A quote with the quotes that contradict it, by the time they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedQuote {
    pub quote: Quote,
    pub conflicts: Vec<Uuid>,
}
