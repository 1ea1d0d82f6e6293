//! What is not to be done with the data of a customer.

use uuid::Uuid;

use super::Micros;

/// What is restricted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestrictionKind {
    /// Reading and changing.
    Use,
    /// Erasing, and whatever else takes away: a legal hold.
    Erasure,
}

impl RestrictionKind {
    /// As it is kept.
    pub fn code(self) -> &'static str {
        match self {
            Self::Use => "use",
            Self::Erasure => "erasure",
        }
    }
}

/// A restriction of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    pub id: Uuid,
    pub kind: RestrictionKind,
    /// The canonical record.
    pub customer_id: Uuid,
    pub placed: Said,
    /// Nothing while it holds.
    pub lifted: Option<Said>,
}

/// When, by whom and why it was placed or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub at: Micros,
    pub actor: String,
    /// Where it is documented.
    pub ticket: String,
    pub reason: String,
}
