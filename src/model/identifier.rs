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
}

impl Identifier {
    /// The one text that the identifier is found by: `kind:namespace/value`. A namespace holds no
    /// slash, so that two identifiers never share a key.
    pub fn key(&self) -> String {
        format!("{}:{}/{}", self.kind.code(), self.namespace, self.value)
    }
}

/// An identifier as it is kept with a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptIdentifier {
    pub identifier: Identifier,
    pub first_seen_at: Micros,
}

/// An identifier of a call that belongs to another customer than the one the call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The position of the identifier in the call.
    pub index: usize,
    pub customer_id: Uuid,
}
