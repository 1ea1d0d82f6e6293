//! Values that name a customer.

use uuid::Uuid;

use super::Micros;

/// What sort of value an identifier is, from the strongest to the weakest: where identifiers of
/// one call belong to different customers, the least of them in this order decides.
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

    /// The kind of that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// How sure it is that an identifier names the customer who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proof {
    /// Known to be used by several people.
    Shared,
    Claimed,
    /// Seen by somebody with the right to say so.
    Verified,
}

impl Proof {
    pub const ALL: [Self; 3] = [Self::Shared, Self::Claimed, Self::Verified];

    /// The name in the database.
    pub fn code(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Claimed => "claimed",
            Self::Verified => "verified",
        }
    }

    /// The proof of that name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|proof| proof.code() == code)
    }
}

/// A value that names a customer, normalised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    pub kind: IdentifierKind,
    /// Where the value is unique; empty where the kind needs none.
    pub namespace: String,
    /// Equal values name the same customer.
    pub value: String,
    /// The value as the source had it.
    pub raw: String,
    /// Whether an e-mail address mixes scripts, as one made to look like another does.
    pub mixed_script: bool,
    /// Whether a caller who may say so has seen proof of it.
    pub verified: bool,
}

impl Identifier {
    /// The one text that the identifier is found by: `kind:namespace/value`. A namespace holds no
    /// slash, so that two identifiers never share a key.
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

/// An identifier as it is kept with a customer record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIdentifier {
    /// A UUID of version 7: claims in the order of their ids are in the order of time.
    pub claim_id: Uuid,
    /// The record that has it.
    pub customer_id: Uuid,
    pub identifier: Identifier,
    pub proof: Proof,
    /// The system that gave it first, or nothing.
    pub source: String,
    pub first_seen_at: Micros,
    /// To within a day.
    pub last_seen_at: Micros,
    pub valid_from: Micros,
    /// Nothing while it holds.
    pub valid_to: Option<Micros>,
}

/// Who claims an identifier, as far as it matters for whom it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The record that claims it.
    pub customer_id: Uuid,
    /// The canonical record of the person.
    pub person_id: Uuid,
    /// The place among the claims of the identifier, from 0.
    pub slot: i64,
    pub proof: Proof,
    pub last_seen_at: Micros,
}

/// An identifier of a call that belongs to another customer than the one the call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The position of the identifier in the call.
    pub index: usize,
    /// The canonical id.
    pub customer_id: Uuid,
}

/// A customer whom the identifiers of a call may mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The canonical id.
    pub customer_id: Uuid,
    /// The positions of its identifiers in the call.
    pub indices: Vec<usize>,
    pub proof: Proof,
    pub last_seen_at: Micros,
    /// How likely the profile of the call is this person's, from 0 to 1.
    pub profile_match: Option<f64>,
}

/// Where what a call says comes from, and what it may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The system, or nothing.
    pub source: String,
    /// Whether the caller has the right to verify profiles.
    pub verifies_profile: bool,
}
