//! Persons: customer records that are one person, and their combined view.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::erased;
use crate::{
    domain::profile_resolution::{RecordProfile, resolve_profile},
    error::Error,
    model::{Customer, MAX_IDENTIFIERS, Merge, StoredIdentifier},
    store::{
        Store,
        sql::{
            db::{Db, Tx, on, rows::id_list},
            dialect,
            statement::Twin,
        },
        write::writes::{CustomerRecord, CustomerRow, read_profile},
    },
};

/// The records of persons with several, each with the canonical one first.
pub async fn records(
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

/// All records of some persons, locked.
#[derive(Debug)]
pub struct LockedRecords {
    pub records: BTreeMap<Uuid, CustomerRecord>,
}

impl LockedRecords {
    /// The canonical record of the person of a locked record.
    pub fn person_of(&self, record: Uuid) -> Result<Uuid, Error> {
        self.records.get(&record).map(|it| it.person_id).ok_or(Error::CustomerNotFound)
    }

    /// The records of a person.
    pub fn records_of(&self, person: Uuid) -> Vec<Uuid> {
        let of_person = self.records.iter().filter(|(_, it)| it.person_id == person);
        of_person.map(|(id, _)| *id).collect()
    }

    /// Refuses removals and changes of identity if one of them is under legal hold.
    pub fn ensure_not_on_hold(&self) -> Result<(), Error> {
        let is_held = self.records.values().any(|it| it.on_hold);
        if is_held { Err(Error::CustomerOnHold) } else { Ok(()) }
    }

    /// The current etag of the person.
    pub fn etag(&self, person: Uuid) -> String {
        let of_person = self.records.values().filter(|it| it.person_id == person);
        let sum: i64 = of_person.map(|it| it.revision).sum();
        let root = &self.records[&person];
        if root.is_merged() { format!("{}.{sum}", root.revision) } else { sum.to_string() }
    }
}

/// Locks the persons of some records for a change; restricted ones are refused.
pub async fn lock(tx: &mut Tx, asked: &[Uuid]) -> Result<LockedRecords, Error> {
    let locked = lock_even_restricted(tx, asked).await?;
    let is_restricted = locked.records.values().any(|it| it.restricted);
    if is_restricted { Err(Error::CustomerRestricted) } else { Ok(locked) }
}

/// Locks all records of the persons of these records, in the order of their ids. The persons are
/// resolved before; if that has changed, the transaction has to be run again.
pub async fn lock_even_restricted(tx: &mut Tx, asked: &[Uuid]) -> Result<LockedRecords, Error> {
    let rows: Vec<(Uuid, Uuid)> = tx.by_ids(dialect::PERSONS_BY_ID, asked).await?;
    let person_of: HashMap<Uuid, Uuid> = rows.into_iter().collect();
    let missing: Vec<Uuid> =
        asked.iter().copied().filter(|id| !person_of.contains_key(id)).collect();
    if !missing.is_empty() {
        return Err(erased::missing(tx, &missing).await?);
    }
    let persons: BTreeSet<Uuid> = person_of.values().copied().collect();
    let ids: Vec<Uuid> = records(tx, persons.clone()).await?.into_values().flatten().collect();
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &ids).await?;
    let locked =
        LockedRecords { records: rows.into_iter().map(CustomerRecord::from_row).collect() };
    // A record that was unmerged meanwhile belongs to a person that was not locked.
    let all = asked.iter().all(|id| locked.records.contains_key(id));
    let whole = persons.iter().all(|person| {
        let records = i64::try_from(locked.records_of(*person).len()).unwrap_or(i64::MAX);
        locked.records.get(person).is_some_and(|it| it.records == records)
    });
    let same = locked.records.values().all(|record| persons.contains(&record.person_id));
    if all && whole && same { Ok(locked) } else { Err(Error::Conflict) }
}

impl Store {
    /// The records of the person of a record, the canonical one first.
    pub(in crate::store) async fn records_of(&self, customer_id: Uuid) -> Result<Vec<Uuid>, Error> {
        self.ensure_not_restricted(customer_id)?;
        self.records_even_restricted(customer_id).await
    }

    /// The records of a person, restricted or not, for calls that a restriction permits.
    pub(in crate::store) async fn records_even_restricted(
        &self,
        customer_id: Uuid,
    ) -> Result<Vec<Uuid>, Error> {
        let rows: Vec<(Uuid, Uuid)> = self.by_ids(dialect::PERSONS_BY_ID, &[customer_id]).await?;
        let (_, person) = *rows.first().ok_or(Error::CustomerNotFound)?;
        let rows: Vec<(Uuid, Uuid)> = self.by_ids(dialect::RECORDS_BY_PERSON, &[person]).await?;
        let others = rows.into_iter().map(|(_, record)| record);
        Ok(std::iter::once(person).chain(others).collect())
    }

    /// The person of a record, with identifiers.
    pub async fn get_customer(&self, id: Uuid) -> Result<Option<Customer>, Error> {
        self.ensure_not_restricted(id)?;
        // A merge between two of the reads shows as records of another person: then it is read
        // again.
        for _ in 0..8 {
            let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, &[id]).await?;
            let Some(row) = rows.into_iter().next() else { return Ok(None) };
            let (_, first) = CustomerRecord::from_row(row);
            let person = first.person_id;
            let records = if first.is_merged() {
                let ids = self.records_of(person).await?;
                let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, &ids).await?;
                rows.into_iter().map(CustomerRecord::from_row).collect()
            } else {
                BTreeMap::from([(id, first)])
            };
            let merges = if records.len() > 1 {
                let ids: Vec<Uuid> = records.keys().copied().collect();
                self.merges_of(&ids).await?
            } else {
                Vec::new()
            };
            // An unmerge between the reads leaves a person without the requested record.
            if records.contains_key(&id) && is_whole(person, &records, &merges) {
                return self.customer_view(person, &records, merges).await.map(Some);
            }
        }
        Err(Error::Unavailable("a customer kept changing".to_owned()))
    }

    /// Persons by their canonical ids, in two statements, except for merged ones.
    pub(in crate::store) async fn list_customers(
        &self,
        ids: &[Uuid],
    ) -> Result<HashMap<Uuid, Customer>, Error> {
        let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, ids).await?;
        let (merged, alone): (Vec<_>, Vec<_>) =
            rows.into_iter().map(CustomerRecord::from_row).partition(|(_, it)| it.is_merged());
        let alone: BTreeMap<Uuid, CustomerRecord> = alone.into_iter().collect();
        let records: Vec<Uuid> = alone.keys().copied().collect();
        let limit = records.len() * MAX_IDENTIFIERS;
        let mut identifiers: HashMap<Uuid, Vec<StoredIdentifier>> = HashMap::new();
        for kept in self.claims_of(&records, false, None, limit).await? {
            identifiers.entry(kept.customer_id).or_default().push(kept);
        }
        let mut customers = HashMap::new();
        for (id, record) in alone {
            let identifiers = identifiers.remove(&id).unwrap_or_default();
            let records = BTreeMap::from([(id, record)]);
            customers.insert(id, to_customer(id, &records, identifiers, Vec::new())?);
        }
        for (id, _) in merged {
            customers.extend(self.get_customer(id).await?.map(|customer| (id, customer)));
        }
        Ok(customers)
    }

    /// The view of a person with these records.
    pub(in crate::store) async fn customer_view(
        &self,
        person: Uuid,
        records: &BTreeMap<Uuid, CustomerRecord>,
        merges: Vec<Merge>,
    ) -> Result<Customer, Error> {
        let ids: Vec<Uuid> = records.keys().copied().collect();
        let identifiers = self.claims_of(&ids, false, None, MAX_IDENTIFIERS).await?;
        to_customer(person, records, identifiers, merges)
    }

    /// The rows of some ids, in one statement.
    pub(in crate::store) async fn by_ids<T: crate::store::sql::db::rows::Row>(
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

/// Builds the view of a person from its records, identifiers and merges.
fn to_customer(
    person: Uuid,
    records: &BTreeMap<Uuid, CustomerRecord>,
    mut identifiers: Vec<StoredIdentifier>,
    merges: Vec<Merge>,
) -> Result<Customer, Error> {
    let mut profiles = Vec::with_capacity(records.len());
    for (id, record) in records {
        let kept = read_profile(&record.profile)?;
        profiles.push(RecordProfile { customer_id: *id, created_at: record.created_at, kept });
    }
    let (profile, sources) = resolve_profile(&profiles, &merges);
    let mut ids: Vec<Uuid> = records.keys().copied().collect();
    ids.sort_by_key(|id| (*id != person, records[id].created_at, *id));
    // Identifiers of the same moment are sorted by key.
    identifiers.sort_by_key(|kept| (kept.valid_from, kept.identifier.key()));
    Ok(Customer {
        id: person,
        revision: records.values().map(|it| it.revision).sum(),
        root_revision: records.get(&person).map_or(0, |it| it.revision),
        created_at: records.values().map(|it| it.created_at).min().unwrap_or(0),
        profile,
        sources,
        identifiers,
        records: ids,
        merges,
    })
}

/// Whether several reads are consistent as to who belongs together: all records are of the person,
/// their number is right, and so is the number of merges.
fn is_whole(person: Uuid, records: &BTreeMap<Uuid, CustomerRecord>, merges: &[Merge]) -> bool {
    records.values().all(|it| it.person_id == person)
        && records.get(&person).is_some_and(|it| {
            usize::try_from(it.records) == Ok(records.len()) && merges.len() + 1 == records.len()
        })
}
