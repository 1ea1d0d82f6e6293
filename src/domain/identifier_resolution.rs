//! Identity resolution by identifiers: decides which customer the identifiers of a call name. A
//! value that several people have, or that is shared, names nobody by itself.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use crate::model::{Candidate, Claim, Conflict, Identifier, IdentifierKind, Verification};

/// How many candidates a response holds.
pub const MAX_CANDIDATES: usize = 20;

/// The customers that an identifier names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Nobody,
    /// One person, with the record that has the identifier.
    One {
        person_id: Uuid,
        record_id: Uuid,
    },
    /// Several people, or unknown people.
    Several,
}

/// Resolves an identifier with these claims: the person for whom it is verified, else the only
/// person who claims it. A shared identifier names nobody by itself, even if only one person is
/// known to use it.
pub fn named(claims: &[Claim]) -> Named {
    if claims.is_empty() {
        return Named::Nobody;
    }
    if claims.iter().any(|claim| claim.verification == Verification::Shared) {
        return Named::Several;
    }
    let verified = claims.iter().find(|claim| claim.verification == Verification::Verified);
    let first = verified.or_else(|| claims.iter().min_by_key(|claim| claim.slot));
    match first {
        Some(claim)
            if verified.is_some() || claims.iter().all(|c| c.person_id == claim.person_id) =>
        {
            Named::One { person_id: claim.person_id, record_id: claim.customer_id }
        }
        _ => Named::Several,
    }
}

/// Whether values of this kind distinguish people: a system assigns one of them to a person.
pub fn is_strong(kind: IdentifierKind) -> bool {
    matches!(
        kind,
        IdentifierKind::CustomerNumber | IdentifierKind::Account | IdentifierKind::External
    )
}

/// The resolution of the identifiers of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The record that has the strongest identifier that names a person.
    pub record_id: Option<Uuid>,
    pub person_id: Option<Uuid>,
    /// The identifiers that name somebody else.
    pub conflicts: Vec<Conflict>,
    /// The indices of the identifiers to link to the record.
    pub links: Vec<usize>,
    /// The identifiers that the person claims and the call verifies, with the record that claims
    /// them.
    pub upgrades: Vec<(usize, Uuid)>,
    /// The conflicting identifiers that are not linked. Both customers may be one person.
    pub refused: Vec<usize>,
    /// No identifier names one person, and some are of several.
    pub ambiguous: bool,
}

/// What is known of the people whom the identifiers may name.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The claims of each key.
    pub claims: &'a HashMap<String, Vec<Claim>>,
    /// The keys of strong identifiers of each person.
    pub strong: &'a HashMap<Uuid, BTreeSet<String>>,
}

/// Resolves the identifiers, without guessing.
pub fn choose(identifiers: &[Identifier], evidence: Evidence<'_>) -> Choice {
    let keys: Vec<String> = identifiers.iter().map(Identifier::key).collect();
    let none = Vec::new();
    let claims: Vec<&Vec<Claim>> =
        keys.iter().map(|key| evidence.claims.get(key).unwrap_or(&none)).collect();
    let named: Vec<Named> = claims.iter().map(|claims| self::named(claims)).collect();

    // The strongest first; among equal ones the first named.
    let mut one: Vec<(IdentifierKind, usize, Uuid, Uuid)> = Vec::new();
    for (index, named) in named.iter().enumerate() {
        if let Named::One { person_id, record_id } = named {
            one.push((identifiers[index].kind, index, *person_id, *record_id));
        }
    }
    one.sort_unstable();
    let is_somebody_else =
        |person: Uuid| differs(evidence.strong.get(&person), keys.iter().map(String::as_str));
    let chosen = one.iter().find(|(_, _, person, _)| !is_somebody_else(*person));
    let mut choice = Choice {
        record_id: chosen.map(|found| found.3),
        person_id: chosen.map(|found| found.2),
        ..Choice::default()
    };
    if chosen.is_none() && !named.contains(&Named::Nobody) {
        choice.ambiguous = true;
        return choice;
    }

    let theirs = chosen.and_then(|found| evidence.strong.get(&found.2));
    for (index, identifier) in identifiers.iter().enumerate() {
        let claims = claims[index];
        let verified = claims.iter().any(|claim| claim.verification == Verification::Verified);
        let own = claims.iter().filter(|claim| Some(claim.person_id) == choice.person_id);
        let own = own.min_by_key(|claim| claim.slot);
        if let Named::One { person_id, .. } = named[index]
            && Some(person_id) != choice.person_id
        {
            choice.conflicts.push(Conflict { index, customer_id: person_id });
            let keys = theirs.into_iter().flatten().chain(&keys).map(String::as_str);
            let apart = identifier.verified || differs(evidence.strong.get(&person_id), keys);
            match own {
                _ if verified || !apart => choice.refused.push(index),
                None => choice.links.push(index),
                Some(own) if identifier.verified => {
                    choice.upgrades.push((index, own.customer_id));
                }
                Some(_) => {}
            }
        } else {
            match own {
                None => choice.links.push(index),
                Some(own)
                    if identifier.verified
                        && own.verification == Verification::Claimed
                        && !verified =>
                {
                    choice.upgrades.push((index, own.customer_id));
                }
                Some(_) => {}
            }
        }
    }
    // If it is uncertain who it is, new identifiers are linked to nobody.
    if !choice.refused.is_empty() && choice.person_id.is_some() {
        choice.links.clear();
    }
    // If an identifier is given twice, the verified one counts.
    choice.links.sort_by_key(|index| !identifiers[*index].verified);
    let mut seen = HashSet::new();
    choice.links.retain(|index| seen.insert(&keys[*index]));
    let mut seen = HashSet::new();
    choice.upgrades.retain(|(index, _)| seen.insert(&keys[*index]));
    choice
}

/// Whether a person with these strong identifiers certainly differs from the owner of those keys:
/// one system has assigned different numbers to them.
fn differs<'a>(strong: Option<&BTreeSet<String>>, keys: impl Iterator<Item = &'a str>) -> bool {
    let Some(strong) = strong else { return false };
    let mut other = false;
    for key in keys {
        let Some((kind, namespace, _)) = Identifier::parts_of(key) else { continue };
        if !is_strong(kind) {
            continue;
        }
        if strong.contains(key) {
            // They share at least one.
            return false;
        }
        let same_system = |theirs: &String| {
            Identifier::parts_of(theirs).is_some_and(|(k, n, _)| k == kind && n == namespace)
        };
        other = other || strong.iter().any(same_system);
    }
    other
}

/// Whether two people have different accounts or customer numbers in one system, and share none.
pub fn have_other_numbers(one: &[&str], other: &[&str]) -> bool {
    let counts = |key: &&str| {
        let kind = Identifier::parts_of(key).map(|(kind, ..)| kind);
        matches!(kind, Some(IdentifierKind::CustomerNumber | IdentifierKind::Account))
    };
    let one = one.iter().copied().filter(counts).map(str::to_owned).collect();
    differs(Some(&one), other.iter().copied().filter(counts))
}

/// The candidates of identifiers, by verification and when they were last seen.
pub fn candidates(
    identifiers: &[Identifier],
    claims: &HashMap<String, Vec<Claim>>,
) -> Vec<Candidate> {
    let mut found: BTreeMap<Uuid, Candidate> = BTreeMap::new();
    for (index, identifier) in identifiers.iter().enumerate() {
        for claim in claims.get(&identifier.key()).into_iter().flatten() {
            let candidate = found.entry(claim.person_id).or_insert_with(|| Candidate {
                customer_id: claim.person_id,
                indices: Vec::new(),
                verification: claim.verification,
                last_seen_at: claim.last_seen_at,
                profile_match: None,
            });
            if candidate.indices.last() != Some(&index) {
                candidate.indices.push(index);
            }
            candidate.verification = candidate.verification.max(claim.verification);
            candidate.last_seen_at = candidate.last_seen_at.max(claim.last_seen_at);
        }
    }
    let mut candidates: Vec<Candidate> = found.into_values().collect();
    candidates.sort_by_key(|c| {
        let order = (c.indices.len(), c.verification, c.last_seen_at);
        (std::cmp::Reverse(order), c.customer_id)
    });
    candidates.truncate(MAX_CANDIDATES);
    candidates
}
