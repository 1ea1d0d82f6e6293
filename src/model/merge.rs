//! Customers that are one person.

use uuid::Uuid;

use super::{BodyHash, Identifier, Micros, ProfileField, Proof, Violation};

/// Two customers found to be one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    pub id: Uuid,
    /// The canonical record that stayed so.
    pub into_id: Uuid,
    /// The canonical record that became part of it, with all that were its.
    pub from_id: Uuid,
    /// The records that the merge was asked for: of the persons above.
    pub asked_into_id: Uuid,
    pub asked_from_id: Uuid,
    pub merged_at: Micros,
    pub actor: String,
    pub reason: String,
    pub evidence: Vec<String>,
    /// Whose value of a field is shown.
    pub choices: Vec<(ProfileField, Uuid)>,
    /// The second person, or nothing.
    pub approved_by: String,
}

/// What makes a retry of a write harmless, and who asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub request_id: Uuid,
    pub body: BodyHash,
    /// The acting person, or the caller.
    pub actor: String,
    pub reason: String,
    /// The rules about time that the call breaks by now. A retry may come after the time that it
    /// names, so they are asked once no earlier write is found.
    pub time_violations: Vec<Violation>,
}

/// A merge to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMerge {
    pub into_id: Uuid,
    pub from_id: Uuid,
    pub evidence: Vec<String>,
    pub choices: Vec<(ProfileField, Uuid)>,
    /// The etags that the two must have.
    pub into_etag: Option<String>,
    pub from_etag: Option<String>,
}

/// What a merge meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeConflict {
    FieldDiffers(ProfileField),
    NeedsApproval,
    KeptApart,
    /// The key of an order that both have.
    SameOrderNumber(String),
    TooManyRecords,
}

/// By what two customers are merged without a person, where the configuration says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeRule {
    /// One has an e-mail address verified, and a caller who may verify it has said it of the other.
    VerifiedEmail,
    /// Both have a loyalty card, or have shown it.
    LoyaltyCard,
}

impl MergeRule {
    pub const ALL: [Self; 2] = [Self::VerifiedEmail, Self::LoyaltyCard];

    /// The name in the configuration.
    pub fn code(self) -> &'static str {
        match self {
            Self::VerifiedEmail => "verified_email",
            Self::LoyaltyCard => "loyalty_card",
        }
    }
}

/// A change of who a customer is, as the timeline tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityChange {
    Linked(Identifier, Proof),
    Unlinked(Identifier),
    /// The record became part of the other one.
    Merged {
        into_id: Uuid,
        merge_id: Uuid,
        evidence: Vec<String>,
    },
    Unmerged {
        other_id: Uuid,
        merge_id: Uuid,
    },
    KeptApart {
        other_id: Uuid,
    },
    KeptApartLifted {
        other_id: Uuid,
    },
}

/// An identifier to link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    pub customer_id: Uuid,
    pub identifier: Identifier,
    pub shared: bool,
    pub take_over: bool,
    /// Whether the caller has the right to verify this kind.
    pub may_verify: bool,
    /// The system that says so, or nothing.
    pub source: String,
}

/// An identifier to unlink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedLink {
    pub customer_id: Uuid,
    pub identifier: Identifier,
    /// Whether the caller has the right to verify this kind.
    pub may_verify: bool,
}
