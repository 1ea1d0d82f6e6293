//! Violations of rules.

use std::fmt;

/// A rule that a field of a request violates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The path of the field, such as `entry.lines[2].quantity`.
    pub field: String,
    /// What the field must be.
    pub rule: String,
    pub reason: InvalidReason,
}

/// The error reason of a violation in the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidReason {
    Field,
    UnknownEnum,
    BlockedIdentifier,
    RequestIdReused,
    SourceRefReused,
    /// According to a clock that is known to be off.
    ClockSkew,
}

impl Violation {
    pub fn new(field: impl Into<String>, rule: impl Into<String>) -> Self {
        Self { field: field.into(), rule: rule.into(), reason: InvalidReason::Field }
    }

    /// Prefixes the field, for a call that is part of a larger one.
    pub fn within(mut self, prefix: &str) -> Self {
        self.field.insert_str(0, prefix);
        self
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.field, self.rule)
    }
}
