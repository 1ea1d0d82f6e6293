//! Decides the claims that the identifiers of an item create.

use uuid::Uuid;

use super::Plan;
use crate::{
    domain::identifier_resolution::{self, Choice},
    model::{Claim, Identifier, Micros, Origin, Target, Verification},
    store::{identity::claims::free_slot, write::writes::ClaimRow},
};

/// How often a sighting of an identifier is recorded: once a day.
const SEEN_AGAIN: Micros = 24 * 3600 * 1_000_000;

impl Plan {
    /// Whether the item adds a refused claim that was not known.
    pub(super) fn refuses_more(&self, record_id: Uuid, target: &Target, choice: &Choice) -> bool {
        let Target::Identifiers(identifiers) = target else { return false };
        choice.refused.iter().any(|index| {
            let identifier = &identifiers[*index];
            let snapshot = self.snapshot.refused.get(&(record_id, identifier.key()));
            snapshot.is_none_or(|verified| identifier.verified && !verified)
        })
    }

    /// Writes the claims of an item for a record.
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
            let claims = self.snapshot.claims.entry(key.clone()).or_default();
            for claim in claims.iter_mut().filter(|claim| claim.customer_id == *owner) {
                claim.verification = Verification::Verified;
            }
            match self
                .writes
                .claims
                .values_mut()
                .find(|row| row.customer_id == *owner && row.identifier.key() == key)
            {
                Some(row) => row.verification = Verification::Verified,
                None => {
                    self.writes.verified.insert((key, *owner));
                }
            }
        }
        for index in &choice.refused {
            let identifier = &identifiers[*index];
            let pair = (record_id, identifier.key());
            let verified = self.snapshot.refused.get(&pair).copied();
            if verified.is_none_or(|verified| identifier.verified && !verified) {
                self.snapshot.refused.insert(pair.clone(), identifier.verified);
                self.writes.refused.insert(pair, identifier.verified);
            }
        }
        for key in identifiers.iter().map(Identifier::key) {
            let Some(claims) = self.snapshot.claims.get_mut(&key) else { continue };
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
        let claims = self.snapshot.claims.entry(key.clone()).or_default();
        // An identifier of so many names none of them: one more claim would change nothing.
        let Some(slot) = free_slot(claims) else { return };
        let shared = claims.iter().any(|claim| claim.verification == Verification::Shared);
        let verification = match (shared, identifier.verified) {
            (true, _) => Verification::Shared,
            (false, true) => Verification::Verified,
            (false, false) => Verification::Claimed,
        };
        let (customer_id, last_seen_at) = (record_id, self.now);
        claims.push(Claim { customer_id, person_id, slot, verification, last_seen_at });
        *self.snapshot.identifier_counts.entry(record_id).or_default() += 1;
        if identifier_resolution::is_strong(identifier.kind) {
            self.snapshot.strong.entry(person_id).or_default().insert(key.clone());
        }
        let row = ClaimRow {
            customer_id,
            claim_id: self.clock.new_id(),
            identifier: identifier.clone(),
            verification,
            source: origin.source.clone(),
        };
        self.writes.claims.insert((key, slot), row);
    }
}
