//! The model as the contract has it.

use crate::{
    model::{
        Address, Conflict, Customer, FoundCustomer, IdentifierKind, KeptIdentifier, MatchQuality,
        MatchedBy, Profile, Recorded,
    },
    pb,
};

/// A customer.
pub fn customer(customer: Customer) -> pb::Customer {
    pb::Customer {
        id: customer.id.to_string(),
        revision: customer.revision,
        etag: customer.revision.to_string(),
        created_at: Some(pb::timestamp(customer.created_at)),
        profile: (!customer.profile.is_empty()).then(|| profile(customer.profile)),
        identifiers: customer.identifiers.into_iter().map(identifier).collect(),
    }
}

/// A customer that was found, and why.
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

fn identifier(kept: KeptIdentifier) -> pb::CustomerIdentifier {
    let identifier = kept.identifier;
    pb::CustomerIdentifier {
        kind: identifier_kind(identifier.kind).into(),
        namespace: identifier.namespace,
        value: identifier.value,
        raw_value: identifier.raw,
        first_seen_at: Some(pb::timestamp(kept.first_seen_at)),
        mixed_script: identifier.mixed_script,
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

/// The identifiers of a call that belong to other customers.
pub fn conflicts(conflicts: Vec<Conflict>) -> Vec<pb::IdentifierConflict> {
    conflicts
        .into_iter()
        .map(|conflict| pb::IdentifierConflict {
            index: i32::try_from(conflict.index).unwrap_or(i32::MAX),
            customer_id: conflict.customer_id.to_string(),
        })
        .collect()
}

/// What became of an entry; `flags` is what was noticed in it.
pub fn recorded(recorded: Recorded, flags: Vec<i32>) -> pb::RecordEntryResponse {
    pb::RecordEntryResponse {
        customer_id: recorded.customer_id.to_string(),
        entry_id: recorded.entry_id.to_string(),
        revision: recorded.revision,
        recorded_at: Some(pb::timestamp(recorded.recorded_at)),
        customer_created: recorded.customer_created,
        already_recorded: recorded.already_recorded,
        flags,
        conflicts: conflicts(recorded.conflicts),
    }
}
