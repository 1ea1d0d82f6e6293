//! Looking for customers: what is looked for, and why a customer is an answer to it.

use std::collections::BTreeSet;

use super::{Customer, IdentifierKind, Position};

/// What to look for among customers: whoever any of the readings finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerQuery {
    pub readings: Vec<Reading>,
}

/// One way to understand what is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub clue: Clue,
    /// Folded words that must be the customer's too, each whole, begun or misspelt.
    pub words: Vec<String>,
}

/// By what a reading finds customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clue {
    /// The words alone, of the name; of the locality and the street too where `places` says so.
    Name { places: bool },
    /// The key of an identifier.
    Identifier { kind: IdentifierKind, key: String },
    /// A part of an e-mail address, in small letters, that begins where a word of it begins. One
    /// that begins with '@' is a part of the domain.
    EmailPart(String),
    /// The last digits of a phone number.
    PhoneEnd(String),
    /// The key of an order.
    Order(String),
    /// The keys of a postal code and a house; no house is every house.
    Postcode { postcode: String, house_number: Option<String> },
}

/// A customer that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCustomer {
    pub customer: Customer,
    pub found: Match,
}

impl FoundCustomer {
    /// Where a page ends that ends here.
    pub fn position(&self) -> Position {
        Position { occurred_at: self.found.distance.into(), entry_id: self.customer.id }
    }
}

/// Why a customer was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// How far the customer is from what was looked for; 0 is the very thing.
    pub distance: u32,
    /// Of the part that matches worst.
    pub quality: MatchQuality,
    pub by: BTreeSet<MatchedBy>,
}

/// How a part of the query matches, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchQuality {
    Exact,
    /// It is a part of a longer word or value.
    Partial,
    Misspelt,
}

/// What of a customer a part of the query matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchedBy {
    Name,
    Address,
    Email,
    Phone,
    OrderNumber,
    Postcode,
    Identifier,
}

impl Match {
    /// A match of one part.
    pub fn new(by: MatchedBy, quality: MatchQuality, distance: u32) -> Self {
        Self { distance, quality, by: BTreeSet::from([by]) }
    }

    /// The match of all parts of a query, of which this is one and `other` the rest.
    pub fn and(mut self, mut other: Self) -> Self {
        self.by.append(&mut other.by);
        Self {
            distance: self.distance + other.distance,
            quality: self.quality.max(other.quality),
            by: self.by,
        }
    }
}
