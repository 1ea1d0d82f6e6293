//! Converts the model to messages of the contract. Customers in responses are added to the audit
//! subject here.

mod audit;
mod briefing;
mod case;
mod purchase;
mod quote;
mod restriction;

pub use audit::audit_entry;
pub use briefing::briefing;
use case::probable_case;
pub use case::{case, promise};
pub use purchase::purchase;
pub use quote::{quote, reask_rates};
pub use restriction::restriction;

use super::audit_subject;
use crate::{
    model::{
        Address, Candidate, Conflict, Consent, Customer, FoundCustomer, IdentifierKind,
        MatchQuality, MatchedBy, Merge, MergeConflict, Profile, ProfileField, ProfileSource,
        RecordedEntry, StoredIdentifier, Verification,
    },
    pb,
};

/// A customer.
pub fn customer(customer: Customer) -> pb::Customer {
    audit_subject::add(customer.id);
    pb::Customer {
        id: customer.id.to_string(),
        revision: customer.revision,
        etag: customer.etag(),
        created_at: Some(pb::timestamp(customer.created_at)),
        record_ids: customer.records.iter().map(ToString::to_string).collect(),
        profile_sources: customer.sources.into_iter().map(profile_source).collect(),
        merges: customer.merges.into_iter().map(merge).collect(),
        profile: (!customer.profile.is_empty()).then(|| profile(customer.profile)),
        identifiers: customer.identifiers.into_iter().map(identifier).collect(),
    }
}

fn profile_source(source: ProfileSource) -> pb::ProfileSource {
    let field = match source.field {
        ProfileField::GivenName => pb::ProfileField::GivenName,
        ProfileField::FamilyName => pb::ProfileField::FamilyName,
        ProfileField::Organisation => pb::ProfileField::Organisation,
        ProfileField::BirthDate => pb::ProfileField::BirthDate,
        ProfileField::Language => pb::ProfileField::Language,
        ProfileField::Address => pb::ProfileField::Address,
        ProfileField::PreferredChannel => pb::ProfileField::PreferredChannel,
        ProfileField::Consents => pb::ProfileField::Consents,
    };
    pb::ProfileSource {
        field: field.into(),
        customer_id: source.customer_id.to_string(),
        given_at: Some(pb::timestamp(source.given.at)),
        verified: source.given.verified,
        source: source.given.source,
    }
}

/// A merge.
pub fn merge(merge: Merge) -> pb::Merge {
    pb::Merge {
        // A preview has no id.
        id: if merge.id.is_nil() { String::new() } else { merge.id.to_string() },
        into_customer_id: merge.into_id.to_string(),
        from_customer_id: merge.from_id.to_string(),
        merged_at: Some(pb::timestamp(merge.merged_at)),
        actor: merge.actor,
        reason: merge.reason,
        evidence: merge.evidence,
        approved_by: merge.approved_by,
    }
}

/// A customer that was found, with the match.
pub fn found_customer(found: FoundCustomer) -> (pb::Customer, pb::CustomerMatch) {
    let why = found.found;
    let quality = match why.quality {
        MatchQuality::Exact => pb::MatchQuality::Exact,
        MatchQuality::Partial => pb::MatchQuality::Partial,
        MatchQuality::Misspelt => pb::MatchQuality::Misspelt,
    };
    let field = |by| match by {
        MatchedBy::Name => pb::MatchedField::Name,
        MatchedBy::Address => pb::MatchedField::Address,
        MatchedBy::Email => pb::MatchedField::Email,
        MatchedBy::Phone => pb::MatchedField::Phone,
        MatchedBy::OrderNumber => pb::MatchedField::OrderNumber,
        MatchedBy::Postcode => pb::MatchedField::Postcode,
        MatchedBy::Identifier => pb::MatchedField::Identifier,
    };
    let fields = why.by.into_iter().map(|by| field(by).into()).collect();
    let distance = i32::try_from(why.distance).unwrap_or(i32::MAX);
    (customer(found.customer), pb::CustomerMatch { fields, quality: quality.into(), distance })
}

fn profile(profile: Profile) -> pb::Profile {
    pb::Profile {
        given_name: profile.given_name,
        family_name: profile.family_name,
        organisation: profile.organisation,
        birth_date: profile.birth_date,
        language: profile.language,
        address: (!profile.address.is_empty()).then(|| address(profile.address)),
        preferred_channel: pb::Channel::from(profile.preferred_channel).into(),
        consents: profile
            .consents
            .into_iter()
            .map(|Consent { purpose, granted }| pb::Consent { purpose, granted })
            .collect(),
    }
}

fn address(address: Address) -> pb::PostalAddress {
    pb::PostalAddress {
        lines: address.lines,
        house_number: address.house_number,
        postcode: address.postcode,
        locality: address.locality,
        region: address.region,
        country_code: address.country_code,
    }
}

/// A stored identifier.
pub fn identifier(kept: StoredIdentifier) -> pb::CustomerIdentifier {
    audit_subject::add(kept.customer_id);
    let identifier = kept.identifier;
    pb::CustomerIdentifier {
        kind: identifier_kind(identifier.kind).into(),
        namespace: identifier.namespace,
        value: identifier.value,
        raw_value: identifier.raw,
        first_seen_at: Some(pb::timestamp(kept.first_seen_at)),
        mixed_script: identifier.mixed_script,
        verification: verification(kept.verification).into(),
        source: kept.source,
        last_seen_at: Some(pb::timestamp(kept.last_seen_at)),
        valid_from: Some(pb::timestamp(kept.valid_from)),
        valid_to: kept.valid_to.map(pb::timestamp),
        customer_id: kept.customer_id.to_string(),
    }
}

fn identifier_kind(kind: IdentifierKind) -> pb::IdentifierKind {
    match kind {
        IdentifierKind::CustomerNumber => pb::IdentifierKind::CustomerNumber,
        IdentifierKind::Account => pb::IdentifierKind::Account,
        IdentifierKind::LoyaltyCard => pb::IdentifierKind::LoyaltyCard,
        IdentifierKind::External => pb::IdentifierKind::External,
        IdentifierKind::Email => pb::IdentifierKind::Email,
        IdentifierKind::Social => pb::IdentifierKind::Social,
        IdentifierKind::Phone => pb::IdentifierKind::Phone,
        IdentifierKind::Cookie => pb::IdentifierKind::Cookie,
    }
}

fn verification(verification: Verification) -> pb::IdentifierVerification {
    match verification {
        Verification::Claimed => pb::IdentifierVerification::Claimed,
        Verification::Verified => pb::IdentifierVerification::Verified,
        Verification::Shared => pb::IdentifierVerification::Shared,
    }
}

/// The candidates of a call.
pub fn candidates(candidates: Vec<Candidate>) -> Vec<pb::CustomerCandidate> {
    candidates
        .into_iter()
        .map(|candidate| {
            audit_subject::add(candidate.customer_id);
            pb::CustomerCandidate {
                customer_id: candidate.customer_id.to_string(),
                identifier_indices: candidate.indices.into_iter().map(position).collect(),
                verification: verification(candidate.verification).into(),
                last_seen_at: Some(pb::timestamp(candidate.last_seen_at)),
                profile_match: candidate.profile_match,
            }
        })
        .collect()
}

/// An index in a list of the call, which has at most a few hundred elements.
fn position(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

/// The identifiers of a call that belong to other customers.
pub fn conflicts(conflicts: Vec<Conflict>) -> Vec<pb::IdentifierConflict> {
    conflicts
        .into_iter()
        .map(|conflict| {
            audit_subject::add(conflict.customer_id);
            pb::IdentifierConflict {
                index: position(conflict.index),
                customer_id: conflict.customer_id.to_string(),
            }
        })
        .collect()
}

/// A conflict of a merge.
pub fn merge_conflict(conflict: MergeConflict) -> pb::MergeConflict {
    use pb::merge_conflict::Kind;
    let (kind, field) = match conflict {
        MergeConflict::FieldDiffers(field) => (Kind::FieldDiffers, field.code().to_owned()),
        MergeConflict::NeedsApproval => (Kind::NeedsApproval, String::new()),
        MergeConflict::MergeExcluded => (Kind::MergeExcluded, String::new()),
        MergeConflict::SameOrderNumber(order) => (Kind::SameOrderNumber, order),
        MergeConflict::TooManyRecords => (Kind::TooManyRecords, String::new()),
    };
    pb::MergeConflict { kind: kind.into(), field }
}

/// The result of recording an entry; `flags` says what the server noticed in it.
pub fn recorded(recorded: RecordedEntry, flags: Vec<i32>) -> pb::RecordEntryResponse {
    audit_subject::add(recorded.customer_id);
    pb::RecordEntryResponse {
        customer_id: recorded.customer_id.to_string(),
        entry_id: recorded.entry_id.to_string(),
        revision: recorded.revision,
        recorded_at: Some(pb::timestamp(recorded.recorded_at)),
        customer_created: recorded.customer_created,
        already_recorded: recorded.already_recorded,
        flags,
        conflicts: conflicts(recorded.conflicts),
        record_id: recorded.record_id.to_string(),
        case_id: recorded.case_id.map(|id| id.to_string()).unwrap_or_default(),
        probable_cases: recorded.probable_cases.into_iter().map(probable_case).collect(),
        limited: false,
    }
}
