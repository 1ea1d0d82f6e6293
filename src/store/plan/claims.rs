//! What the identifiers of an item say of the record that it is about.

use uuid::Uuid;

use super::{super::writes::ClaimRow, Plan};
use crate::{
    model::{Claim, Identifier, MAX_CLAIMS, Micros, Origin, Proof, Target},
    story::attribution::{self, Choice},
};

/// An identifier that was seen again is noted so once in this time: a day.
const SEEN_AGAIN: Micros = 24 * 3600 * 1_000_000;

impl Plan {
    /// Whether the item says of an identifier of somebody else what was not known yet.
    pub(super) fn refuses_more(&self, record_id: Uuid, target: &Target, choice: &Choice) -> bool {
        let Target::Identifiers(identifiers) = target else { return false };
        choice.refused.iter().any(|index| {
            let identifier = &identifiers[*index];
            let known = self.known.refused.get(&(record_id, identifier.key()));
            known.is_none_or(|verified| identifier.verified && !verified)
        })
    }

    /// Writes what the identifiers of an item say of a record.
    pub(super) fn claim(
        &mut self,
        record_id: Uuid,
        person_id: Uuid,
        identifiers: &[Identifier],
        choice: &Choice,
        origin: &Origin,
    ) {
        for index in &choice.links {
            self.add_claim(record_id, person_id, &identifiers[*index], origin);
        }
        for (index, owner) in &choice.upgrades {
            let key = identifiers[*index].key();
            let claims = self.known.claims.entry(key.clone()).or_default();
            for claim in claims.iter_mut().filter(|claim| claim.customer_id == *owner) {
                claim.proof = Proof::Verified;
            }
            match self
                .writes
                .claims
                .values_mut()
                .find(|row| row.customer_id == *owner && row.identifier.key() == key)
            {
                Some(row) => row.proof = Proof::Verified,
                None => {
                    self.writes.verified.insert((key, *owner));
                }
            }
        }
        for index in &choice.refused {
            let identifier = &identifiers[*index];
            let pair = (record_id, identifier.key());
            let verified = self.known.refused.get(&pair).copied();
            if verified.is_none_or(|verified| identifier.verified && !verified) {
                self.known.refused.insert(pair.clone(), identifier.verified);
                self.writes.refused.insert(pair, identifier.verified);
            }
        }
        for key in identifiers.iter().map(Identifier::key) {
            let Some(claims) = self.known.claims.get_mut(&key) else { continue };
            let own = claims.iter_mut().filter(|claim| claim.person_id == person_id);
            for own in own.filter(|own| own.last_seen_at + SEEN_AGAIN <= self.now) {
                own.last_seen_at = self.now;
                self.writes.seen.insert((key.clone(), own.customer_id));
            }
        }
    }

    fn add_claim(
        &mut self,
        record_id: Uuid,
        person_id: Uuid,
        identifier: &Identifier,
        origin: &Origin,
    ) {
        let key = identifier.key();
        let claims = self.known.claims.entry(key.clone()).or_default();
        // What so many have names none of them: one more would change nothing.
        let Some(slot) = free_slot(claims) else { return };
        let shared = claims.iter().any(|claim| claim.proof == Proof::Shared);
        let proof = match (shared, identifier.verified) {
            (true, _) => Proof::Shared,
            (false, true) => Proof::Verified,
            (false, false) => Proof::Claimed,
        };
        let (customer_id, last_seen_at) = (record_id, self.now);
        claims.push(Claim { customer_id, person_id, slot, proof, last_seen_at });
        *self.known.identifier_counts.entry(record_id).or_default() += 1;
        if attribution::is_strong(identifier.kind) {
            self.known.strong.entry(person_id).or_default().insert(key.clone());
        }
        let row = ClaimRow {
            customer_id,
            claim_id: self.clock.new_id(),
            identifier: identifier.clone(),
            proof,
            source: origin.source.clone(),
        };
        self.writes.claims.insert((key, slot), row);
    }
}

/// The first free place among the claims of an identifier.
pub fn free_slot(claims: &[Claim]) -> Option<i64> {
    let limit = i64::try_from(MAX_CLAIMS).unwrap_or(i64::MAX);
    (0..limit).find(|slot| claims.iter().all(|claim| claim.slot != *slot))
}
