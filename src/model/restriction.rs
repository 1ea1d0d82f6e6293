//! Restrictions of processing and legal holds.

use uuid::Uuid;

use super::Micros;

/// The kind of a restriction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestrictionKind {
    /// Restriction of processing: no reads and no changes.
    Use,
    /// Legal hold: no erasure and no other removal.
    Erasure,
}

impl RestrictionKind {
    /// The stored code.
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
    pub placed: RestrictionAction,
    /// None while it is in force.
    pub lifted: Option<RestrictionAction>,
}

/// When, by whom and why a restriction was placed or lifted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestrictionAction {
    pub at: Micros,
    pub actor: String,
    /// The ticket that documents it.
    pub ticket: String,
    pub reason: String,
}
