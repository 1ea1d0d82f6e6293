//! Links identifiers to customer records, and unlinks them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    claims::{self, free_slot},
    erased,
};
use crate::{
    error::Error,
    model::{
        Claim, EndedLink, IdentityChange, MAX_IDENTIFIERS, Micros, NewLink, RequestContext,
        StoredIdentifier, Verification,
    },
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::Batch,
            db::{Tx, on_tx},
            dialect,
        },
        write::{
            change::{Change, earlier},
            writes::{ClaimRow, CustomerRecord, CustomerRow, Writes},
        },
    },
};

const SET_VERIFICATION: &str = "update identifiers \
    set verification = $3, last_seen_at = $4 where key = $1 and customer_id = $2";
const SET_SHARED: &str =
    "update identifiers set verification = 'shared' where key = $1 and verification <> 'shared'";
const SET_CLAIMED: &str =
    "update identifiers set verification = 'claimed' where key = $1 and verification = 'shared'";
const ADD_ENDED: &str = "insert into ended_identifiers (customer_id, claim_id, key, \
    verification, source, raw_value, mixed_script, valid_from, last_seen_at, valid_to) \
    select customer_id, claim_id, key, verification, source, raw_value, mixed_script, valid_from, \
    last_seen_at, $3 from identifiers where key = $1 and customer_id = $2";
const REMOVE: &str = "delete from identifiers where key = $1 and customer_id = $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 5] = [
    ("links.set_verification", SET_VERIFICATION),
    ("links.set_claimed", SET_CLAIMED),
    ("links.set_shared", SET_SHARED),
    ("links.add_ended", ADD_ENDED),
    ("links.remove", REMOVE),
];

/// The claims of an identifier, with all their records locked.
struct Claimed {
    claims: Vec<Claim>,
    records: BTreeMap<Uuid, CustomerRecord>,
}

/// Locks a record and all records that claim an identifier.
async fn lock(tx: &mut Tx, record: Uuid, key: &str) -> Result<Claimed, Error> {
    let keys = BTreeSet::from([key.to_owned()]);
    let before = claims::load(tx, keys.clone()).await?;
    let mut ids: Vec<Uuid> = before.identity_revisions.keys().copied().collect();
    if !ids.contains(&record) {
        ids.push(record);
    }
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &ids).await?;
    let records: BTreeMap<Uuid, CustomerRecord> =
        rows.into_iter().map(CustomerRecord::from_row).collect();
    if !records.contains_key(&record) {
        return Err(erased::missing(tx, &[record]).await?);
    }
    // Under the locks no claim is lost, and no slot is taken twice; but somebody else may have
    // gained a claim before.
    let claims = claims::load(tx, keys).await?.claims.remove(key).unwrap_or_default();
    if claims.iter().any(|claim| !records.contains_key(&claim.customer_id)) {
        return Err(Error::Conflict);
    }
    Ok(Claimed { claims, records })
}

impl Store {
    /// Links an identifier to a record, or raises its verification. Idempotent.
    pub async fn link_identifier(
        &self,
        link: NewLink,
        context: RequestContext,
    ) -> Result<StoredIdentifier, Error> {
        let (record, key) = (link.customer_id, link.identifier.key());
        let store = self.clone();
        let write = move || {
            let (store, link, context) = (store.clone(), link.clone(), context.clone());
            async move { store.try_link(&link, &context).await }
        };
        // A link refused because of a conflict is recorded all the same.
        let is_refused = attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        if is_refused {
            return Err(Error::IdentifierConflict);
        }
        // For a retry, the claim may have ended since.
        self.last_claim(record, &key).await?.ok_or(Error::IdentifierNotFound)
    }

    /// Returns whether it was refused because the identifier is verified for somebody else.
    async fn try_link(&self, link: &NewLink, context: &RequestContext) -> Result<bool, Error> {
        let record = link.customer_id;
        let key = link.identifier.key();
        let mut tx = self.db.begin().await?;
        let Claimed { mut claims, records } = lock(&mut tx, record, &key).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(false);
        }
        ensure_not_restricted(&records, |id| *id == record || link.take_over || link.shared)?;
        let now = self.clock.now();
        let person = records[&record].person_id;
        let mut change = Change::new(context, now);
        let others: Vec<Claim> =
            claims.iter().filter(|claim| claim.person_id != person).copied().collect();
        if others.iter().any(|claim| claim.verification == Verification::Verified)
            && !link.take_over
        {
            if !link.shared {
                return self.refuse(tx, link, records).await.map(|()| true);
            }
            if !link.may_verify {
                return Err(Error::VerificationNotPermitted { field: "shared".to_owned() });
            }
        }
        if link.take_over {
            for claim in &others {
                let other = claim.customer_id;
                end(&mut tx, &key, other, now).await?;
                let unlinked = IdentityChange::Unlinked(link.identifier.clone());
                change.add_identity_entry(other, &records[&other], self.clock.new_id(), &unlinked);
                change.compare(other, &records[&other]);
            }
            tx.changed_identity(&others.iter().map(|c| c.customer_id).collect::<Vec<_>>()).await?;
            claims.retain(|claim| claim.person_id == person);
            // An identifier that was transferred to one person is no longer shared.
            on_tx!(&mut tx, |c| {
                sqlx::query(SET_CLAIMED).bind(&key).execute(c).await?;
            });
            for claim in
                claims.iter_mut().filter(|claim| claim.verification == Verification::Shared)
            {
                claim.verification = Verification::Claimed;
                change.touch(claim.customer_id, &records[&claim.customer_id]);
            }
        }
        if link.shared {
            on_tx!(&mut tx, |c| {
                sqlx::query(SET_SHARED).bind(&key).execute(c).await?;
            });
            // All records that have it change their state.
            for claim in claims.iter().filter(|claim| claim.verification != Verification::Shared) {
                change.touch(claim.customer_id, &records[&claim.customer_id]);
            }
            let ids: Vec<Uuid> = claims.iter().map(|claim| claim.customer_id).collect();
            tx.changed_identity(&ids).await?;
        }
        let verification = verification(link, record, &claims);
        let own = claims.iter().find(|claim| claim.customer_id == record);
        match own {
            Some(own) => {
                on_tx!(&mut tx, |c| {
                    let query = sqlx::query(SET_VERIFICATION).bind(&key).bind(record);
                    query.bind(verification.code()).bind(now).execute(c).await?;
                });
                if own.verification == verification {
                    // Seen again; no entry is needed.
                    change.write(&mut tx, record, None).await?;
                    tx.commit().await?;
                    return Ok(false);
                }
            }
            None => self.add(&mut tx, link, &claims, verification).await?,
        }
        let entry_id = self.clock.new_id();
        let linked = IdentityChange::Linked(link.identifier.clone(), verification);
        change.add_identity_entry(record, &records[&record], entry_id, &linked);
        change.compare(record, &records[&record]);
        change.write(&mut tx, record, Some(entry_id)).await?;
        tx.commit().await?;
        Ok(false)
    }

    async fn add(
        &self,
        tx: &mut Tx,
        link: &NewLink,
        claims: &[Claim],
        verification: Verification,
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
            verification,
            source: link.source.clone(),
        };
        let mut writes = Writes::default();
        writes.claims.insert((link.identifier.key(), slot), row);
        let mut batch = Batch::default();
        claims::write(tx, &mut batch, &mut writes, self.clock.now()).await?;
        batch.write(tx).await
    }

    /// Records a refused claim to an identifier that is verified for somebody else, if it is new.
    async fn refuse(
        &self,
        mut tx: Tx,
        link: &NewLink,
        records: BTreeMap<Uuid, CustomerRecord>,
    ) -> Result<(), Error> {
        let record = link.customer_id;
        let verified = link.identifier.verified;
        let pair = (record.simple().to_string(), link.identifier.key());
        let noted: Vec<(Uuid, String, bool)> =
            tx.by_pairs(dialect::REFUSED_BY_KEY, &[pair]).await?;
        if noted.iter().any(|(.., before)| *before || !verified) {
            return Ok(());
        }
        let revision = records[&record].revision + 1;
        let mut writes = Writes::default();
        writes.refused.insert((record, link.identifier.key()), verified);
        writes.changed.insert(record, revision);
        let mut batch = Batch::default();
        batch.set_revision(record, revision);
        claims::write(&mut tx, &mut batch, &mut writes, self.clock.now()).await?;
        batch.write(&mut tx).await?;
        tx.commit().await
    }

    /// Ends a record's claim to an identifier. Idempotent.
    pub async fn unlink_identifier(
        &self,
        link: EndedLink,
        context: RequestContext,
    ) -> Result<Uuid, Error> {
        let store = self.clone();
        let record = link.customer_id;
        let write = move || {
            let (store, link, context) = (store.clone(), link.clone(), context.clone());
            async move { store.try_unlink(&link, &context).await }
        };
        attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        Ok(self.records_of(record).await?[0])
    }

    async fn try_unlink(&self, link: &EndedLink, context: &RequestContext) -> Result<(), Error> {
        let key = link.identifier.key();
        let mut tx = self.db.begin().await?;
        let Claimed { claims, records } = lock(&mut tx, link.customer_id, &key).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(());
        }
        ensure_not_restricted(&records, |id| *id == link.customer_id)?;
        let person = records[&link.customer_id].person_id;
        let own: Vec<&Claim> = claims.iter().filter(|claim| claim.person_id == person).collect();
        if own.is_empty() {
            return Err(Error::IdentifierNotFound);
        }
        if own.iter().any(|claim| claim.verification == Verification::Verified) && !link.may_verify
        {
            return Err(Error::VerificationNotPermitted { field: "identifier".to_owned() });
        }
        let now = self.clock.now();
        let mut change = Change::new(context, now);
        let mut entry_id = None;
        for claim in &own {
            let record = claim.customer_id;
            end(&mut tx, &key, record, now).await?;
            let id = self.clock.new_id();
            let unlinked = IdentityChange::Unlinked(link.identifier.clone());
            change.add_identity_entry(record, &records[&record], id, &unlinked);
            change.compare(record, &records[&record]);
            entry_id = Some(id);
        }
        let ids: Vec<Uuid> = own.iter().map(|claim| claim.customer_id).collect();
        tx.changed_identity(&ids).await?;
        change.write(&mut tx, link.customer_id, entry_id).await?;
        tx.commit().await
    }
}

/// Refuses to change restricted records.
fn ensure_not_restricted(
    records: &BTreeMap<Uuid, CustomerRecord>,
    changes: impl Fn(&Uuid) -> bool,
) -> Result<(), Error> {
    let mut changed = records.iter().filter(|(id, _)| changes(id));
    if changed.any(|(_, it)| it.restricted) { Err(Error::CustomerRestricted) } else { Ok(()) }
}

/// The verification of the record's claim after the link.
fn verification(link: &NewLink, record: Uuid, claims: &[Claim]) -> Verification {
    // A transferred identifier belongs only to the new owner, whoever shared it before.
    let is_shared =
        !link.take_over && claims.iter().any(|claim| claim.verification == Verification::Shared);
    let others = claims.iter().filter(|claim| claim.customer_id != record);
    // It is verified for one record of a person; the others need not be.
    let is_verified = others.into_iter().any(|claim| claim.verification == Verification::Verified);
    let own = claims.iter().find(|claim| claim.customer_id == record);
    if link.shared || is_shared {
        Verification::Shared
    } else if link.identifier.verified && !is_verified {
        Verification::Verified
    } else {
        own.map_or(Verification::Claimed, |claim| claim.verification)
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
