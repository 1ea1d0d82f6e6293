//! Merges of customers.

use uuid::Uuid;

use super::{BodyHash, Identifier, Micros, ProfileField, Verification, Violation};

/// A merge of two customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    pub id: Uuid,
    /// The record that stayed canonical.
    pub into_id: Uuid,
    /// The formerly canonical record that was merged into it, with all records it had.
    pub from_id: Uuid,
    /// The records that the merge was requested for, one of each person.
    pub asked_into_id: Uuid,
    pub asked_from_id: Uuid,
    pub merged_at: Micros,
    pub actor: String,
    pub reason: String,
    pub evidence: Vec<String>,
    /// The record whose value of a field is shown.
    pub choices: Vec<(ProfileField, Uuid)>,
    /// The second person, or empty.
    pub approved_by: String,
}

/// The context of a write: its idempotency key, its actor and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    pub request_id: Uuid,
    pub body: BodyHash,
    /// The acting user, or the client application if no user is named.
    pub actor: String,
    pub reason: String,
    /// The rules about time that the call violates now. They are checked only if no earlier write
    /// is found, since a retry may come after the time that it names.
    pub time_violations: Vec<Violation>,
}

/// A requested merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMerge {
    pub into_id: Uuid,
    pub from_id: Uuid,
    pub evidence: Vec<String>,
    pub choices: Vec<(ProfileField, Uuid)>,
    /// The expected etags of the two.
    pub into_etag: Option<String>,
    pub from_etag: Option<String>,
}

/// A conflict of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeConflict {
    FieldDiffers(ProfileField),
    NeedsApproval,
    MergeExcluded,
    /// The key of an order that both have.
    SameOrderNumber(String),
    TooManyRecords,
}

/// A rule by which customers are merged automatically, if configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeRule {
    /// One has a verified e-mail address, and a caller with the right to verify it has given it for
    /// the other.
    VerifiedEmail,
    /// Both have the same loyalty card, or have shown it.
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

/// A change of a customer's identity, as the timeline records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdentityChange {
    Linked(Identifier, Verification),
    Unlinked(Identifier),
    /// The record was merged into the other one.
    Merged {
        into_id: Uuid,
        merge_id: Uuid,
        evidence: Vec<String>,
    },
    Unmerged {
        other_id: Uuid,
        merge_id: Uuid,
    },
    MergeExcluded {
        other_id: Uuid,
    },
    MergeExclusionLifted {
        other_id: Uuid,
    },
}

/// A requested link of an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLink {
    pub customer_id: Uuid,
    pub identifier: Identifier,
    pub shared: bool,
    pub take_over: bool,
    /// Whether the caller has the right to verify this kind.
    pub may_verify: bool,
    /// The source system, or empty.
    pub source: String,
}

/// A requested end of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedLink {
    pub customer_id: Uuid,
    pub identifier: Identifier,
    /// Whether the caller has the right to verify this kind.
    pub may_verify: bool,
}
