//! Identifiers as claims of records, with their verification and validity.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::customer_search;
use crate::{
    domain::identifier_resolution::{Named, candidates, named},
    error::Error,
    model::{
        Candidate, Claim, Identifier, MAX_CLAIMS, Micros, Position, StoredIdentifier, Target,
        Verification,
    },
    store::{
        Store,
        sql::{
            bulk::{Batch, Column, Table},
            db::{Db, Tx, on, on_db, on_tx, rows},
            dialect,
        },
        write::{
            match_queue::add_to_match_queue,
            writes::{Candidates, Snapshot, WriteItem, Writes},
        },
    },
};

const FIND: &str = "select i.customer_id, c.person_id, i.slot, i.verification, \
    i.last_seen_at \
    from identifiers i join customers c on c.id = i.customer_id where i.key = $1 \
    order by i.slot limit 50";
/// The claim of a record to a key, or the last one that has ended.
const LAST: &str = "select claim_id, customer_id, key, verification, source, raw_value, \
    mixed_script, valid_from, last_seen_at, valid_to, \
    min(valid_from) over () as first_seen_at from ( \
        select claim_id, customer_id, key, verification, source, raw_value, mixed_script, \
            valid_from, \
        last_seen_at, cast(null as bigint) as valid_to from identifiers \
        where key = $1 and customer_id = $2 \
        union all \
        select claim_id, customer_id, key, verification, source, raw_value, mixed_script, \
            valid_from, \
        last_seen_at, valid_to from ended_identifiers where key = $1 and customer_id = $2) a \
    order by valid_to is null desc, valid_from desc, claim_id desc limit 1";
const SET_VERIFIED: &str =
    "update identifiers set verification = 'verified' where key = $1 and customer_id = $2";
const SET_REFUSED: &str = "insert into refused_claims \
    (customer_id, key, verified, seen_at) values ($1, $2, $3, $4) \
    on conflict (customer_id, key) do update set verified = excluded.verified";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 4] = [
    ("claims.find", FIND),
    ("claims.last", LAST),
    ("claims.set_verified", SET_VERIFIED),
    ("claims.set_refused", SET_REFUSED),
];

static IDENTIFIERS: Table = Table {
    name: "identifiers",
    columns: &[
        "key",
        "slot",
        "customer_id",
        "claim_id",
        "verification",
        "source",
        "mixed_script",
        "valid_from",
        "last_seen_at",
        "raw_value",
    ],
};

/// The claims of the identifiers of a batch.
#[derive(Debug, Default)]
pub struct Read {
    pub claims: HashMap<String, Vec<Claim>>,
    /// The identity revision of each record that claims one.
    pub identity_revisions: HashMap<Uuid, i64>,
}

/// Loads the current claims of identifiers, without locks.
pub async fn load(tx: &mut Tx, keys: BTreeSet<String>) -> Result<Read, Error> {
    type Row = (String, Uuid, Uuid, i64, String, Micros, i64);
    let mut read = Read::default();
    if keys.is_empty() {
        return Ok(read);
    }
    let keys: Vec<String> = keys.into_iter().collect();
    let rows: Vec<Row> = tx.by_texts(dialect::CLAIMS_BY_KEY, &keys).await?;
    for (key, customer_id, person_id, slot, verification, last_seen_at, identity_revision) in rows {
        let verification = read_verification(&verification)?;
        let claim = Claim { customer_id, person_id, slot, verification, last_seen_at };
        read.claims.entry(key).or_default().push(claim);
        read.identity_revisions.insert(customer_id, identity_revision);
    }
    Ok(read)
}

/// Loads the accounts, customer numbers and external ids of the persons of records.
pub async fn load_strong(
    tx: &mut Tx,
    records: &BTreeSet<Uuid>,
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
    let mut person_of = HashMap::new();
    for record in records {
        let Some(current) = snapshot.customers.get(record) else { continue };
        person_of.insert(*record, current.person_id);
        for other in snapshot.records.get(&current.person_id).into_iter().flatten() {
            person_of.insert(*other, current.person_id);
        }
    }
    if person_of.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = person_of.keys().copied().collect();
    let rows: Vec<(Uuid, String, String)> = tx.by_ids(dialect::STRONG_KEYS, &ids).await?;
    for (customer_id, key, _) in rows {
        if let Some(person) = person_of.get(&customer_id) {
            snapshot.strong.entry(*person).or_default().insert(key);
        }
    }
    Ok(())
}

/// Loads earlier refused claims that an item may repeat.
pub async fn load_refused(
    tx: &mut Tx,
    items: impl Iterator<Item = &WriteItem>,
    candidates: &[Candidates],
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
    let mut pairs = BTreeSet::new();
    for (item, found) in items.zip(candidates) {
        let Target::Identifiers(identifiers) = &item.target else { continue };
        let keys: Vec<String> = identifiers.iter().map(Identifier::key).collect();
        let claims = keys.iter().filter_map(|key| snapshot.claims.get(key));
        let persons: BTreeSet<Uuid> = claims
            .filter_map(|claims| match named(claims) {
                Named::One { person_id, .. } => Some(person_id),
                _ => None,
            })
            .collect();
        if persons.len() > 1 {
            for record in &found.records {
                pairs.extend(keys.iter().map(|key| (record.simple().to_string(), key.clone())));
            }
        }
    }
    if !pairs.is_empty() {
        let pairs: Vec<_> = pairs.into_iter().collect();
        let rows: Vec<(Uuid, String, bool)> = tx.by_pairs(dialect::REFUSED_BY_KEY, &pairs).await?;
        snapshot.refused =
            rows.into_iter().map(|(id, key, verified)| ((id, key), verified)).collect();
    }
    Ok(())
}

/// Writes the claims of a batch, and queues records whose identity has changed.
pub async fn write(
    tx: &mut Tx,
    batch: &mut Batch,
    writes: &mut Writes,
    now: Micros,
) -> Result<(), Error> {
    for (key, record) in &writes.verified {
        on_tx!(&mut *tx, |c| {
            sqlx::query(SET_VERIFIED).bind(key).bind(record).execute(c).await?;
        });
    }
    for ((record, key), verified) in &writes.refused {
        on_tx!(&mut *tx, |c| {
            let query = sqlx::query(SET_REFUSED).bind(record).bind(key).bind(verified).bind(now);
            query.execute(c).await?;
        });
    }
    if !writes.seen.is_empty() {
        let seen = writes.seen.iter().map(|(key, id)| (key.clone(), id.simple().to_string()));
        tx.set_last_seen(&seen.collect::<Vec<_>>(), now).await?;
    }

    let (keys, rows): (Vec<_>, Vec<_>) = std::mem::take(&mut writes.claims).into_iter().unzip();
    let (keys, slots): (Vec<String>, Vec<i64>) = keys.into_iter().unzip();
    customer_search::add_parts(batch, &keys);
    let columns = vec![
        Column::Texts(keys),
        Column::Integers(slots),
        Column::Ids(rows.iter().map(|row| row.customer_id).collect()),
        Column::Ids(rows.iter().map(|row| row.claim_id).collect()),
        Column::Texts(rows.iter().map(|row| row.verification.code().to_owned()).collect()),
        Column::Texts(rows.iter().map(|row| row.source.clone()).collect()),
        Column::Booleans(rows.iter().map(|row| row.identifier.mixed_script).collect()),
        Column::Integers(vec![now; rows.len()]),
        Column::Integers(vec![now; rows.len()]),
        Column::Texts(rows.into_iter().map(|row| row.identifier.raw).collect()),
    ];
    batch.insert(&IDENTIFIERS, columns);
    add_to_match_queue(batch, &writes.changed);
    Ok(())
}

/// Parses a stored verification.
pub fn read_verification(code: &str) -> Result<Verification, Error> {
    Verification::from_code(code)
        .ok_or(Error::Inconsistent { table: "identifiers", column: "verification" })
}

type ClaimColumns =
    (Uuid, Uuid, String, String, String, String, bool, Micros, Micros, Option<Micros>, Micros);

/// A claim from its row.
fn kept(row: ClaimColumns) -> Result<StoredIdentifier, Error> {
    let (
        claim_id,
        customer_id,
        key,
        verification,
        source,
        raw,
        mixed_script,
        valid_from,
        last_seen_at,
        valid_to,
        first_seen_at,
    ) = row;
    let unreadable = Error::Inconsistent { table: "identifiers", column: "key" };
    let (kind, namespace, value) = Identifier::parts_of(&key).ok_or(unreadable)?;
    let (namespace, value) = (namespace.to_owned(), value.to_owned());
    let verification = read_verification(&verification)?;
    let verified = verification == Verification::Verified;
    let identifier = Identifier { kind, namespace, value, raw, mixed_script, verified };
    Ok(StoredIdentifier {
        claim_id,
        customer_id,
        identifier,
        verification,
        source,
        first_seen_at,
        last_seen_at,
        valid_from,
        valid_to,
    })
}

/// Whom an identifier names.
#[derive(Clone, Debug, PartialEq)]
pub enum NamedBy {
    Nobody,
    One { person_id: Uuid, is_verified: bool },
    Several(Vec<Candidate>),
}

impl Store {
    /// The person whom an identifier names by itself; None if there is none.
    pub async fn find_owner(&self, identifier: &Identifier) -> Result<Option<Uuid>, Error> {
        match self.named_by(identifier).await? {
            NamedBy::Nobody => Ok(None),
            NamedBy::One { person_id, .. } => Ok(Some(person_id)),
            NamedBy::Several(_) => Err(Error::IdentifierAmbiguous),
        }
    }

    /// The person whom an identifier names by itself, with its verification; or the candidates.
    pub async fn named_by(&self, identifier: &Identifier) -> Result<NamedBy, Error> {
        type Row = (Uuid, Uuid, i64, String, Micros);
        let key = identifier.key();
        let rows: Vec<Row> =
            on_db!(&self.db, |c| sqlx::query_as(FIND).bind(&key).fetch_all(c).await?);
        let mut claims = Vec::with_capacity(rows.len());
        for (customer_id, person_id, slot, verification, last_seen_at) in rows {
            let verification = read_verification(&verification)?;
            claims.push(Claim { customer_id, person_id, slot, verification, last_seen_at });
        }
        Ok(match named(&claims) {
            Named::Nobody => NamedBy::Nobody,
            Named::One { person_id, .. } => {
                let is_verified =
                    claims.iter().any(|claim| claim.verification == Verification::Verified);
                NamedBy::One { person_id, is_verified }
            }
            Named::Several => {
                let claims = HashMap::from([(key, claims)]);
                let mut candidates = candidates(std::slice::from_ref(identifier), &claims);
                candidates.retain(|candidate| !self.is_restricted(candidate.customer_id));
                NamedBy::Several(candidates)
            }
        })
    }

    /// The identifiers of a person, the oldest claim first, after `after` and at most `limit`.
    pub async fn list_identifiers(
        &self,
        customer_id: Uuid,
        include_ended: bool,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<StoredIdentifier>, Error> {
        let records = self.records_of(customer_id).await?;
        self.claims_of(&records, include_ended, after, limit).await
    }

    /// The identifiers of some records.
    pub(in crate::store) async fn claims_of(
        &self,
        records: &[Uuid],
        include_ended: bool,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<StoredIdentifier>, Error> {
        let begin = Position { occurred_at: Micros::MIN, entry_id: Uuid::nil() };
        let Position { occurred_at, entry_id } = after.unwrap_or(begin);
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = dialect::LIST_CLAIMS;
        let rows: Vec<ClaimColumns> = match &self.db {
            Db::Sqlite { read, .. } => {
                let query = sqlx::query_as(sql.sqlite).bind(rows::id_list(records));
                let query = query.bind(occurred_at).bind(entry_id).bind(include_ended).bind(count);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Db::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(records).bind(occurred_at);
                let query = query.bind(entry_id).bind(include_ended).bind(count);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        };
        rows.into_iter().map(kept).collect()
    }

    /// The current claim of a record to an identifier, or its last one.
    pub(in crate::store) async fn last_claim(
        &self,
        record: Uuid,
        key: &str,
    ) -> Result<Option<StoredIdentifier>, Error> {
        let row: Option<ClaimColumns> = on_db!(&self.db, |c| {
            sqlx::query_as(LAST).bind(key).bind(record).fetch_optional(c).await?
        });
        row.map(kept).transpose()
    }
}

/// The first free slot among the claims of an identifier.
pub fn free_slot(claims: &[Claim]) -> Option<i64> {
    let limit = i64::try_from(MAX_CLAIMS).unwrap_or(i64::MAX);
    (0..limit).find(|slot| claims.iter().all(|claim| claim.slot != *slot))
}
