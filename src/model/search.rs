//! Customer search: queries and matches.

use std::collections::BTreeSet;

use super::{Customer, IdentifierKind, Position};

/// A search query. It finds customers that match any of the readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomerQuery {
    pub readings: Vec<Reading>,
}

/// One interpretation of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub clue: Clue,
    /// Folded words that must match too: whole, by their beginning or misspelt.
    pub words: Vec<String>,
}

/// How a reading finds customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clue {
    /// By words of the name only; also of the locality and the street if `places` is set.
    Name { places: bool },
    /// By the key of an identifier.
    Identifier { kind: IdentifierKind, key: String },
    /// By a part of an e-mail address in lower case that begins where a word of it begins. If it
    /// begins with '@', it is a part of the domain.
    EmailPart(String),
    /// By the last digits of a phone number.
    PhoneEnd(String),
    /// By the key of an order.
    Order(String),
    /// By the keys of a postal code and a house number; None is any house.
    Postcode { postcode: String, house_number: Option<String> },
}

/// A customer that a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCustomer {
    pub customer: Customer,
    pub found: Match,
}

impl FoundCustomer {
    /// The position of a page that ends here.
    pub fn position(&self) -> Position {
        Position { occurred_at: self.found.distance.into(), entry_id: self.customer.id }
    }
}

/// Why a customer was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The distance between the query and the customer; 0 is an exact match.
    pub distance: u32,
    /// The quality of the worst match among the parts.
    pub quality: MatchQuality,
    pub by: BTreeSet<MatchedBy>,
}

/// The quality of a match, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchQuality {
    Exact,
    /// It is a part of a longer word or value.
    Partial,
    Misspelt,
}

/// The field of a customer that a part of the query matches.
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

    /// Combines the matches of two parts of a query.
    pub fn and(mut self, mut other: Self) -> Self {
        self.by.append(&mut other.by);
        Self {
            distance: self.distance + other.distance,
            quality: self.quality.max(other.quality),
            by: self.by,
        }
    }
}
