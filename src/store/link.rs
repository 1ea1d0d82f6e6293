//! Giving a customer record an identifier, and taking it away.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    Store,
    attempt::{attempt, lost},
    bulk::Batch,
    change::{Change, earlier},
    claims,
    db::{Tx, on_tx},
    dialect, erasure,
    plan::free_slot,
    writes::{ClaimRow, CustomerRow, Held, Writes, held},
};
use crate::{
    error::Error,
    model::{
        Asked, Claim, EndedLink, IdentityChange, KeptIdentifier, MAX_IDENTIFIERS, Micros, NewLink,
        Proof,
    },
};

pub(super) const SET_PROOF: &str =
    "update identifiers set proof = $3, last_seen_at = $4 where key = $1 and customer_id = $2";
pub(super) const SET_SHARED: &str =
    "update identifiers set proof = 'shared' where key = $1 and proof <> 'shared'";
pub(super) const SET_CLAIMED: &str =
    "update identifiers set proof = 'claimed' where key = $1 and proof = 'shared'";
pub(super) const ADD_ENDED: &str = "insert into ended_identifiers (customer_id, claim_id, key, \
    proof, source, raw_value, mixed_script, valid_from, last_seen_at, valid_to) \
    select customer_id, claim_id, key, proof, source, raw_value, mixed_script, valid_from, \
    last_seen_at, $3 from identifiers where key = $1 and customer_id = $2";
pub(super) const REMOVE: &str = "delete from identifiers where key = $1 and customer_id = $2";

/// Who has an identifier, every record of them locked.
struct Claimed {
    claims: Vec<Claim>,
    held: BTreeMap<Uuid, Held>,
}

/// Locks a record and everybody who claims an identifier.
async fn lock(tx: &mut Tx, record: Uuid, key: &str) -> Result<Claimed, Error> {
    let keys = BTreeSet::from([key.to_owned()]);
    let before = claims::load(tx, keys.clone()).await?;
    let mut ids: Vec<Uuid> = before.identity_revisions.keys().copied().collect();
    if !ids.contains(&record) {
        ids.push(record);
    }
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &ids).await?;
    let held: BTreeMap<Uuid, Held> = rows.into_iter().map(held).collect();
    if !held.contains_key(&record) {
        return Err(erasure::missing(tx, &[record]).await?);
    }
    // Under the locks nobody who had it loses it, and no slot is taken twice; but somebody else may
    // have come by it before they were had.
    let claims = claims::load(tx, keys).await?.claims.remove(key).unwrap_or_default();
    if claims.iter().any(|claim| !held.contains_key(&claim.customer_id)) {
        return Err(Error::LostRace);
    }
    Ok(Claimed { claims, held })
}

impl Store {
    /// Gives a record an identifier, or makes the one it has surer. The same request again changes
    /// nothing more.
    pub async fn link_identifier(
        &self,
        link: NewLink,
        asked: Asked,
    ) -> Result<KeptIdentifier, Error> {
        let (record, key) = (link.customer_id, link.identifier.key());
        let store = self.clone();
        let write = move || {
            let (store, link, asked) = (store.clone(), link.clone(), asked.clone());
            async move { store.try_link(&link, &asked).await }
        };
        // What is refused for a conflict is noted all the same.
        let is_refused = attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        if is_refused {
            return Err(Error::IdentifierConflict);
        }
        // To a retry it may have ended since.
        self.last_claim(record, &key).await?.ok_or(Error::IdentifierNotFound)
    }

    /// Whether it was refused since somebody else has the identifier verified.
    async fn try_link(&self, link: &NewLink, asked: &Asked) -> Result<bool, Error> {
        let record = link.customer_id;
        let key = link.identifier.key();
        let mut tx = self.db.begin().await?;
        let Claimed { mut claims, held } = lock(&mut tx, record, &key).await?;
        if earlier(&mut tx, asked).await?.is_some() {
            return Ok(false);
        }
        refuse_restricted(&held, |id| *id == record || link.take_over || link.shared)?;
        let now = self.clock.now();
        let person = held[&record].person_id;
        let mut change = Change::new(asked, now);
        let others: Vec<Claim> =
            claims.iter().filter(|claim| claim.person_id != person).copied().collect();
        if others.iter().any(|claim| claim.proof == Proof::Verified) && !link.take_over {
            if !link.shared {
                return self.refuse(tx, link, held).await.map(|()| true);
            }
            if !link.may_verify {
                return Err(Error::MayNotVerify { field: "shared".to_owned() });
            }
        }
        if link.take_over {
            for claim in &others {
                let other = claim.customer_id;
                end(&mut tx, &key, other, now).await?;
                let unlinked = IdentityChange::Unlinked(link.identifier.clone());
                change.tell(other, &held[&other], self.clock.new_id(), &unlinked);
                change.compare(other, &held[&other]);
            }
            tx.changed_identity(&others.iter().map(|c| c.customer_id).collect::<Vec<_>>()).await?;
            claims.retain(|claim| claim.person_id == person);
            // What has passed to one person is no longer of several.
            on_tx!(&mut tx, |c| {
                sqlx::query(SET_CLAIMED).bind(&key).execute(c).await?;
            });
            for claim in claims.iter_mut().filter(|claim| claim.proof == Proof::Shared) {
                claim.proof = Proof::Claimed;
                change.touch(claim.customer_id, &held[&claim.customer_id]);
            }
        }
        if link.shared {
            on_tx!(&mut tx, |c| {
                sqlx::query(SET_SHARED).bind(&key).execute(c).await?;
            });
            // Whoever has it is in another state from now on.
            for claim in claims.iter().filter(|claim| claim.proof != Proof::Shared) {
                change.touch(claim.customer_id, &held[&claim.customer_id]);
            }
            let ids: Vec<Uuid> = claims.iter().map(|claim| claim.customer_id).collect();
            tx.changed_identity(&ids).await?;
        }
        let proof = proof(link, record, &claims);
        let own = claims.iter().find(|claim| claim.customer_id == record);
        match own {
            Some(own) => {
                on_tx!(&mut tx, |c| {
                    let query = sqlx::query(SET_PROOF).bind(&key).bind(record);
                    query.bind(proof.code()).bind(now).execute(c).await?;
                });
                if own.proof == proof {
                    // Seen again; nothing to tell.
                    change.write(&mut tx, record, None).await?;
                    tx.commit().await?;
                    return Ok(false);
                }
            }
            None => self.add(&mut tx, link, &claims, proof).await?,
        }
        let entry_id = self.clock.new_id();
        let linked = IdentityChange::Linked(link.identifier.clone(), proof);
        change.tell(record, &held[&record], entry_id, &linked);
        change.compare(record, &held[&record]);
        change.write(&mut tx, record, Some(entry_id)).await?;
        tx.commit().await?;
        Ok(false)
    }

    async fn add(
        &self,
        tx: &mut Tx,
        link: &NewLink,
        claims: &[Claim],
        proof: Proof,
    ) -> Result<(), Error> {
        let record = link.customer_id;
        let rows: Vec<(Uuid, i64)> = tx.by_ids(dialect::COUNT_IDENTIFIERS, &[record]).await?;
        let count = rows.first().map_or(0, |row| row.1);
        if usize::try_from(count).is_ok_and(|count| count >= MAX_IDENTIFIERS) {
            return Err(Error::TooManyIdentifiers);
        }
        let slot = free_slot(claims).ok_or(Error::TooManyClaims)?;
        let row = ClaimRow {
            customer_id: record,
            claim_id: self.clock.new_id(),
            identifier: link.identifier.clone(),
            proof,
            source: link.source.clone(),
        };
        let mut writes = Writes::default();
        writes.claims.insert((link.identifier.key(), slot), row);
        let mut batch = Batch::default();
        claims::write(tx, &mut batch, &mut writes, self.clock.now()).await?;
        batch.write(tx).await
    }

    /// Notes what was said of an identifier that somebody else has verified, where it is news.
    async fn refuse(
        &self,
        mut tx: Tx,
        link: &NewLink,
        held: BTreeMap<Uuid, Held>,
    ) -> Result<(), Error> {
        let record = link.customer_id;
        let verified = link.identifier.verified;
        let pair = (record.simple().to_string(), link.identifier.key());
        let noted: Vec<(Uuid, String, bool)> =
            tx.by_pairs(dialect::REFUSED_BY_KEY, &[pair]).await?;
        if noted.iter().any(|(.., before)| *before || !verified) {
            return Ok(());
        }
        let revision = held[&record].revision + 1;
        let mut writes = Writes::default();
        writes.refused.insert((record, link.identifier.key()), verified);
        writes.changed.insert(record, revision);
        let mut batch = Batch::default();
        batch.set_revision(record, revision);
        claims::write(&mut tx, &mut batch, &mut writes, self.clock.now()).await?;
        batch.write(&mut tx).await?;
        tx.commit().await
    }

    /// Ends a record's claim to an identifier. The same request again changes nothing more.
    pub async fn unlink_identifier(&self, link: EndedLink, asked: Asked) -> Result<Uuid, Error> {
        let store = self.clone();
        let record = link.customer_id;
        let write = move || {
            let (store, link, asked) = (store.clone(), link.clone(), asked.clone());
            async move { store.try_unlink(&link, &asked).await }
        };
        attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        Ok(self.records_of(record).await?[0])
    }

    async fn try_unlink(&self, link: &EndedLink, asked: &Asked) -> Result<(), Error> {
        let key = link.identifier.key();
        let mut tx = self.db.begin().await?;
        let Claimed { claims, held } = lock(&mut tx, link.customer_id, &key).await?;
        if earlier(&mut tx, asked).await?.is_some() {
            return Ok(());
        }
        refuse_restricted(&held, |id| *id == link.customer_id)?;
        let person = held[&link.customer_id].person_id;
        let own: Vec<&Claim> = claims.iter().filter(|claim| claim.person_id == person).collect();
        if own.is_empty() {
            return Err(Error::IdentifierNotFound);
        }
        if own.iter().any(|claim| claim.proof == Proof::Verified) && !link.may_verify {
            return Err(Error::MayNotVerify { field: "identifier".to_owned() });
        }
        let now = self.clock.now();
        let mut change = Change::new(asked, now);
        let mut entry_id = None;
        for claim in &own {
            let record = claim.customer_id;
            end(&mut tx, &key, record, now).await?;
            let id = self.clock.new_id();
            let unlinked = IdentityChange::Unlinked(link.identifier.clone());
            change.tell(record, &held[&record], id, &unlinked);
            change.compare(record, &held[&record]);
            entry_id = Some(id);
        }
        let ids: Vec<Uuid> = own.iter().map(|claim| claim.customer_id).collect();
        tx.changed_identity(&ids).await?;
        change.write(&mut tx, link.customer_id, entry_id).await?;
        tx.commit().await
    }
}

/// Refuses to change records that are restricted.
fn refuse_restricted(
    held: &BTreeMap<Uuid, Held>,
    changes: impl Fn(&Uuid) -> bool,
) -> Result<(), Error> {
    let mut changed = held.iter().filter(|(id, _)| changes(id));
    if changed.any(|(_, held)| held.restricted) { Err(Error::CustomerRestricted) } else { Ok(()) }
}

/// How sure the record's claim is from now on.
fn proof(link: &NewLink, record: Uuid, claims: &[Claim]) -> Proof {
    // What has passed on is the new one's alone, whoever shared it before.
    let is_shared = !link.take_over && claims.iter().any(|claim| claim.proof == Proof::Shared);
    let others = claims.iter().filter(|claim| claim.customer_id != record);
    // One record of a person has it verified; the others need not.
    let is_verified = others.into_iter().any(|claim| claim.proof == Proof::Verified);
    let own = claims.iter().find(|claim| claim.customer_id == record);
    if link.shared || is_shared {
        Proof::Shared
    } else if link.identifier.verified && !is_verified {
        Proof::Verified
    } else {
        own.map_or(Proof::Claimed, |claim| claim.proof)
    }
}

async fn end(tx: &mut Tx, key: &str, record: Uuid, now: Micros) -> Result<(), Error> {
    on_tx!(&mut *tx, |c| {
        sqlx::query(ADD_ENDED).bind(key).bind(record).bind(now).execute(c).await?;
    });
    on_tx!(tx, |c| {
        sqlx::query(REMOVE).bind(key).bind(record).execute(c).await?;
    });
    Ok(())
}
