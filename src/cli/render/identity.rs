//! A change of identity, in plain words.

use super::{kind_name, text::safe};
use crate::pb::{self, IdentifierVerification as Verification, identity_change::Change};

/// The change, in one line.
pub fn summary(change: &pb::IdentityChange) -> String {
    let other = || match change.other_customer_id.is_empty() {
        true => "another customer".to_owned(),
        false => safe(&change.other_customer_id),
    };
    match change.change() {
        Change::Linked => {
            let verification = match change.verification() {
                Verification::Verified => ", verified",
                Verification::Shared => ", as one that several people use",
                Verification::Claimed | Verification::Unspecified => "",
            };
            format!("Linked {}{verification}", identifier(change.identifier.as_ref()))
        }
        Change::Unlinked => format!("Unlinked {}", identifier(change.identifier.as_ref())),
        Change::Merged => format!("Merged into {}", other()),
        Change::Unmerged => format!("Unmerged from {}", other()),
        Change::MergeExcluded => format!("Excluded from merging with {}", other()),
        Change::MergeExclusionLifted => format!("May be merged again with {}", other()),
        Change::Unspecified => "Of a kind this version does not know".to_owned(),
    }
}

/// Who did it, and why.
pub fn context(change: &pb::IdentityChange) -> Vec<String> {
    let mut parts = Vec::new();
    if !change.actor.is_empty() {
        parts.push(format!("by {}", change.actor));
    }
    parts.push(change.reason.clone());
    parts
}

fn identifier(identifier: Option<&pb::Identifier>) -> String {
    let Some(identifier) = identifier else { return "an identifier".to_owned() };
    let mut text = format!("{} {}", kind_name(identifier.kind()), safe(&identifier.value));
    if !identifier.namespace.is_empty() {
        text.push_str(&format!(" ({})", safe(&identifier.namespace)));
    }
    text
}
