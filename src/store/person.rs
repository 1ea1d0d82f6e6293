//! People: the customer records that are one person, and what is shown of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::{
    Store,
    db::{Db, Tx, json, on},
    dialect::{self, Twin},
    erasure,
    writes::{CustomerRow, Held, held, read_profile},
};
use crate::{
    error::Error,
    model::{Customer, KeptIdentifier, MAX_IDENTIFIERS, Merge},
    story::golden::{RecordProfile, golden},
};

/// The records of people that have several, each with the canonical one first.
pub(super) async fn records(
    tx: &mut Tx,
    persons: BTreeSet<Uuid>,
) -> Result<HashMap<Uuid, Vec<Uuid>>, Error> {
    let ids: Vec<Uuid> = persons.into_iter().collect();
    let mut records: HashMap<Uuid, Vec<Uuid>> = ids.iter().map(|id| (*id, vec![*id])).collect();
    let rows: Vec<(Uuid, Uuid)> = tx.by_ids(dialect::RECORDS_BY_PERSON, &ids).await?;
    for (person, record) in rows {
        records.entry(person).or_default().push(record);
    }
    Ok(records)
}

/// All records of some people, locked.
#[derive(Debug)]
pub(super) struct Locked {
    pub held: BTreeMap<Uuid, Held>,
}

impl Locked {
    /// The canonical record of the person that a locked record belongs to.
    pub fn person_of(&self, record: Uuid) -> Result<Uuid, Error> {
        self.held.get(&record).map(|held| held.person_id).ok_or(Error::CustomerNotFound)
    }

    /// The records of a person.
    pub fn records_of(&self, person: Uuid) -> Vec<Uuid> {
        let of_person = self.held.iter().filter(|(_, held)| held.person_id == person);
        of_person.map(|(id, _)| *id).collect()
    }

    /// Refuses what takes something away, or makes other people of them, where one is under legal
    /// hold.
    pub fn refuse_held(&self) -> Result<(), Error> {
        let is_held = self.held.values().any(|held| held.on_hold);
        if is_held { Err(Error::CustomerHeld) } else { Ok(()) }
    }

    /// What an etag of the person must be.
    pub fn etag(&self, person: Uuid) -> String {
        let of_person = self.held.values().filter(|held| held.person_id == person);
        let sum: i64 = of_person.map(|held| held.revision).sum();
        let root = &self.held[&person];
        if root.is_merged() { format!("{}.{sum}", root.revision) } else { sum.to_string() }
    }
}

/// Locks the people of some records to change them; those who are restricted are refused.
pub(super) async fn lock(tx: &mut Tx, asked: &[Uuid]) -> Result<Locked, Error> {
    let locked = lock_even_restricted(tx, asked).await?;
    let is_restricted = locked.held.values().any(|held| held.restricted);
    if is_restricted { Err(Error::CustomerRestricted) } else { Ok(locked) }
}

/// Locks every record of the people that these records belong to, in the order of the ids. Who they
/// are is read before; where it has changed by then, the transaction is to be run again.
pub(super) async fn lock_even_restricted(tx: &mut Tx, asked: &[Uuid]) -> Result<Locked, Error> {
    let rows: Vec<(Uuid, Uuid)> = tx.by_ids(dialect::PERSONS_BY_ID, asked).await?;
    let person_of: HashMap<Uuid, Uuid> = rows.into_iter().collect();
    let missing: Vec<Uuid> =
        asked.iter().copied().filter(|id| !person_of.contains_key(id)).collect();
    if !missing.is_empty() {
        return Err(erasure::missing(tx, &missing).await?);
    }
    let persons: BTreeSet<Uuid> = person_of.values().copied().collect();
    let ids: Vec<Uuid> = records(tx, persons.clone()).await?.into_values().flatten().collect();
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &ids).await?;
    let locked = Locked { held: rows.into_iter().map(held).collect() };
    // One that was taken apart from its person meanwhile is of a person that was not locked.
    let all = asked.iter().all(|id| locked.held.contains_key(id));
    let whole = persons.iter().all(|person| {
        let records = i64::try_from(locked.records_of(*person).len()).unwrap_or(i64::MAX);
        locked.held.get(person).is_some_and(|held| held.records == records)
    });
    let same = locked.held.values().all(|held| persons.contains(&held.person_id));
    if all && whole && same { Ok(locked) } else { Err(Error::LostRace) }
}

/// A list of ids as SQLite takes it.
pub(super) fn id_list(ids: &[Uuid]) -> String {
    json(ids.iter().map(|id| [id.simple().to_string()]))
}

impl Store {
    /// The records of the person that a record belongs to, the canonical one first.
    pub(super) async fn records_of(&self, customer_id: Uuid) -> Result<Vec<Uuid>, Error> {
        self.refuse_restricted(customer_id)?;
        self.records_even_restricted(customer_id).await
    }

    /// The same of whomever: for what a restriction leaves possible.
    pub(super) async fn records_even_restricted(
        &self,
        customer_id: Uuid,
    ) -> Result<Vec<Uuid>, Error> {
        let rows: Vec<(Uuid, Uuid)> = self.by_ids(dialect::PERSONS_BY_ID, &[customer_id]).await?;
        let (_, person) = *rows.first().ok_or(Error::CustomerNotFound)?;
        let rows: Vec<(Uuid, Uuid)> = self.by_ids(dialect::RECORDS_BY_PERSON, &[person]).await?;
        let others = rows.into_iter().map(|(_, record)| record);
        Ok(std::iter::once(person).chain(others).collect())
    }

    /// The person that a record belongs to, with the identifiers.
    pub async fn get_customer(&self, id: Uuid) -> Result<Option<Customer>, Error> {
        self.refuse_restricted(id)?;
        // A merge between two of the reads shows as records of another person: then once more.
        for _ in 0..8 {
            let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, &[id]).await?;
            let Some(row) = rows.into_iter().next() else { return Ok(None) };
            let (_, first) = held(row);
            let person = first.person_id;
            let records = if first.is_merged() {
                let ids = self.records_of(person).await?;
                let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, &ids).await?;
                rows.into_iter().map(held).collect()
            } else {
                BTreeMap::from([(id, first)])
            };
            let merges = if records.len() > 1 {
                let ids: Vec<Uuid> = records.keys().copied().collect();
                self.merges_of(&ids).await?
            } else {
                Vec::new()
            };
            // An unmerge between the reads leaves a person without the record that was asked for.
            if records.contains_key(&id) && is_whole(person, &records, &merges) {
                return self.shown(person, &records, merges).await.map(Some);
            }
        }
        Err(Error::Unavailable("a customer kept changing".to_owned()))
    }

    /// Some people by their canonical ids, in two statements but for those of several records.
    pub(super) async fn list_customers(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Customer>, Error> {
        let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, ids).await?;
        let (merged, alone): (Vec<_>, Vec<_>) =
            rows.into_iter().map(held).partition(|(_, held)| held.is_merged());
        let alone: BTreeMap<Uuid, Held> = alone.into_iter().collect();
        let records: Vec<Uuid> = alone.keys().copied().collect();
        let limit = records.len() * MAX_IDENTIFIERS;
        let mut identifiers: HashMap<Uuid, Vec<KeptIdentifier>> = HashMap::new();
        for kept in self.claims_of(&records, false, None, limit).await? {
            identifiers.entry(kept.customer_id).or_default().push(kept);
        }
        let mut customers = HashMap::new();
        for (id, held) in alone {
            let identifiers = identifiers.remove(&id).unwrap_or_default();
            let records = BTreeMap::from([(id, held)]);
            customers.insert(id, shown(id, &records, identifiers, Vec::new())?);
        }
        for (id, _) in merged {
            customers.extend(self.get_customer(id).await?.map(|customer| (id, customer)));
        }
        Ok(customers)
    }

    /// What is shown of a person that is these records.
    pub(super) async fn shown(
        &self,
        person: Uuid,
        records: &BTreeMap<Uuid, Held>,
        merges: Vec<Merge>,
    ) -> Result<Customer, Error> {
        let ids: Vec<Uuid> = records.keys().copied().collect();
        let identifiers = self.claims_of(&ids, false, None, MAX_IDENTIFIERS).await?;
        shown(person, records, identifiers, merges)
    }

    /// The rows of some ids, by one statement.
    pub(super) async fn by_ids<T: super::db::Row>(
        &self,
        sql: Twin,
        ids: &[Uuid],
    ) -> Result<Vec<T>, Error> {
        Ok(match &self.db {
            Db::Sqlite { read, .. } => {
                let query = sqlx::query_as(sql.sqlite).bind(id_list(ids));
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Db::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(ids);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }
}

/// The golden record of some records, with their identifiers and the merges that joined them.
fn shown(
    person: Uuid,
    records: &BTreeMap<Uuid, Held>,
    mut identifiers: Vec<KeptIdentifier>,
    merges: Vec<Merge>,
) -> Result<Customer, Error> {
    let mut profiles = Vec::with_capacity(records.len());
    for (id, held) in records {
        let kept = read_profile(&held.profile)?;
        profiles.push(RecordProfile { customer_id: *id, created_at: held.created_at, kept });
    }
    let (profile, sources) = golden(&profiles, &merges);
    let mut ids: Vec<Uuid> = records.keys().copied().collect();
    ids.sort_by_key(|id| (*id != person, records[id].created_at, *id));
    // Those of one moment in the order of what they are.
    identifiers.sort_by_key(|kept| (kept.valid_from, kept.identifier.key()));
    Ok(Customer {
        id: person,
        revision: records.values().map(|held| held.revision).sum(),
        root_revision: records.get(&person).map_or(0, |held| held.revision),
        created_at: records.values().map(|held| held.created_at).min().unwrap_or(0),
        profile,
        sources,
        identifiers,
        records: ids,
        merges,
    })
}

/// Whether what was read in several statements is of one moment, as far as it shows who belongs
/// together: all are records of the person, as many as there are, and joined by as many merges.
fn is_whole(person: Uuid, records: &BTreeMap<Uuid, Held>, merges: &[Merge]) -> bool {
    records.values().all(|held| held.person_id == person)
        && records.get(&person).is_some_and(|held| {
            usize::try_from(held.records) == Ok(records.len()) && merges.len() + 1 == records.len()
        })
}
