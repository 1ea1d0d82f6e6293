//! Identifiers of customers.

use uuid::Uuid;

use super::Micros;

/// The kind of an identifier, from the strongest to the weakest: if the identifiers of one call
/// belong to different customers, the strongest decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifierKind {
    CustomerNumber,
    Account,
    LoyaltyCard,
    External,
    Email,
    Social,
    Phone,
    Cookie,
}

impl IdentifierKind {
    /// All of them, the strongest first.
    pub const ALL: [Self; 8] = [
        Self::CustomerNumber,
        Self::Account,
        Self::LoyaltyCard,
        Self::External,
        Self::Email,
        Self::Social,
        Self::Phone,
        Self::Cookie,
    ];

    /// The name in the database, in import maps and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::CustomerNumber => "customer_number",
            Self::Account => "account",
            Self::LoyaltyCard => "loyalty_card",
            Self::External => "external",
            Self::Email => "email",
            Self::Social => "social",
            Self::Phone => "phone",
            Self::Cookie => "cookie",
        }
    }

    /// The kind with that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// Whether it is verified that an identifier belongs to the customer who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verification {
    /// Known to be used by several people.
    Shared,
    Claimed,
    /// A caller with the right to verify this kind has seen proof.
    Verified,
}

impl Verification {
    pub const ALL: [Self; 3] = [Self::Shared, Self::Claimed, Self::Verified];

    /// The name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Claimed => "claimed",
            Self::Verified => "verified",
        }
    }

    /// The verification of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verification| verification.code() == code)
    }
}

/// An identifier, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    pub kind: IdentifierKind,
    /// The namespace in which the value is unique; may be empty.
    pub namespace: String,
    /// Equal values name the same customer.
    pub value: String,
    /// The value as the source had it.
    pub raw: String,
    /// Whether an e-mail address mixes scripts, which can make it look like another one.
    pub mixed_script: bool,
    /// Whether a caller with the right to verify has seen proof.
    pub verified: bool,
}

impl Identifier {
    /// The key that look-ups use: `kind:namespace/value`. A namespace contains no slash, so that
    /// two identifiers never share a key.
    pub fn key(&self) -> String {
        format!("{}:{}/{}", self.kind.code(), self.namespace, self.value)
    }

    /// The kind, namespace and value of a key.
    pub fn parts_of(key: &str) -> Option<(IdentifierKind, &str, &str)> {
        let (kind, rest) = key.split_once(':')?;
        let (namespace, value) = rest.split_once('/')?;
        Some((IdentifierKind::from_code(kind)?, namespace, value))
    }
}

/// A stored identifier of a customer record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredIdentifier {
    /// A UUID of version 7: the order of ids is the order of time.
    pub claim_id: Uuid,
    /// The record that has it.
    pub customer_id: Uuid,
    pub identifier: Identifier,
    pub verification: Verification,
    /// The system that first gave it, or empty.
    pub source: String,
    pub first_seen_at: Micros,
    /// To within a day.
    pub last_seen_at: Micros,
    pub valid_from: Micros,
    /// None while the claim is in force.
    pub valid_to: Option<Micros>,
}

/// A claim to an identifier, as far as identity resolution needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The record that claims it.
    pub customer_id: Uuid,
    /// The canonical record of the person.
    pub person_id: Uuid,
    /// The slot among the claims of the identifier, from 0.
    pub slot: i64,
    pub verification: Verification,
    pub last_seen_at: Micros,
}

/// An identifier of a call that belongs to another customer than the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The index of the identifier in the call.
    pub index: usize,
    /// The canonical id.
    pub customer_id: Uuid,
}

/// A candidate: a customer whom the identifiers of a call may name.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The canonical id.
    pub customer_id: Uuid,
    /// The indices of its identifiers in the call.
    pub indices: Vec<usize>,
    pub verification: Verification,
    pub last_seen_at: Micros,
    /// The probability that the profile of the call is this person's, from 0 to 1.
    pub profile_match: Option<f64>,
}

/// The source of a call's data, and what it may verify.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The source system, or empty.
    pub source: String,
    /// Whether the caller has the right to verify profiles.
    pub verifies_profile: bool,
}
