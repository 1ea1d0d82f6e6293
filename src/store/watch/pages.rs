//! A watch: the current records of the customer, and the entries after a resume point, page by
//! page.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::hub::Listener;
use crate::{
    error::Error,
    model::{MAX_WATCHED, ResumePoint, WatchStart},
    store::{Store, entry::payload, sql::db::on_db},
};

/// The records of a person with their revisions at one moment, and whether each is canonical and
/// restricted. $1: any of the records.
pub(super) const PERSON: &str = "select c.id, c.revision, c.person_id, c.restricted \
    from customers c where c.id = (select person_id from customers where id = $1) \
    union all \
    select c.id, c.revision, c.person_id, c.restricted from customers c \
    where c.person_id = (select person_id from customers where id = $1) and c.person_id <> c.id";

/// The entries of a record after a revision, in the order of recording, limited by number and by
/// bytes. $1: record, $2: revision, $3: entries, $4: bytes.
pub(super) const ENTRIES: &str = "select q.revision, q.payload from ( \
        select p.revision, p.payload, sum(length(p.payload)) over (order by p.revision) as bytes \
        from (select r.revision, e.payload from entry_revisions r join entries e \
            on e.customer_id = r.customer_id and e.occurred_at = r.occurred_at \
            and e.entry_id = r.entry_id \
            where r.customer_id = $1 and r.revision > $2 order by r.revision limit $3) p) q \
    where q.bytes - length(q.payload) < $4 order by q.revision";

/// How many entries are read at once.
const PAGE_ENTRIES: i64 = 64;
/// How many bytes of entries are read at once; one more entry may start below the limit.
const PAGE_BYTES: i64 = 256 << 10;
/// The approximate maximum memory of a page, in bytes.
pub const MAX_PAGE_BYTES: usize = 512 << 10;

/// The records of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The canonical record.
    pub id: Uuid,
    /// Each record with its revision.
    pub records: BTreeMap<Uuid, i64>,
}

/// A new entry.
#[derive(Clone, Debug)]
pub struct WatchedEntry {
    pub record: Uuid,
    pub revision: i64,
    /// The stored entry: a field 1 of a message.
    pub payload: Vec<u8>,
}

/// A watch of a customer. It holds only the page that was last read.
#[derive(Debug)]
pub struct Watch {
    store: Store,
    listener: Listener,
    person: Person,
    point: ResumePoint,
    /// Set if only the entries of this case are watched.
    case_id: Option<Uuid>,
}

impl Store {
    /// Begins to watch a customer, or a case of the customer.
    pub async fn watch(&self, start: WatchStart, case_id: Option<Uuid>) -> Result<Watch, Error> {
        let (id, behind) = match start {
            WatchStart::Now(id) => (id, None),
            WatchStart::Behind(id, revision) => (id, Some(revision)),
            WatchStart::Resume(point) => return Watch::begin(self.clone(), point, case_id).await,
        };
        let revisions = BTreeMap::new();
        let point = ResumePoint { customer_id: id, revisions };
        let mut watch = Watch::begin(self.clone(), point, case_id).await?;
        let records = &watch.person.records;
        watch.point.revisions = match behind {
            None => records.clone(),
            Some(0) => BTreeMap::new(),
            Some(revision) if records.len() == 1 => {
                if records.values().any(|last| *last < revision) {
                    return Err(Error::invalid("after_revision", "is not one of the customer's"));
                }
                records.keys().map(|record| (*record, revision)).collect()
            }
            Some(_) => {
                let rule = "must be 0 where the customer is several records";
                return Err(Error::invalid("after_revision", rule));
            }
        };
        Ok(watch)
    }

    async fn person_of(&self, record: Uuid) -> Result<Person, Error> {
        let rows: Vec<(Uuid, i64, Uuid, bool)> =
            on_db!(&self.db, |c| sqlx::query_as(PERSON).bind(record).fetch_all(c).await?);
        let id = rows.first().ok_or(Error::CustomerNotFound)?.2;
        if rows.iter().any(|row| row.3) {
            return Err(Error::CustomerRestricted);
        }
        let records = rows.into_iter().map(|(id, revision, ..)| (id, revision)).collect();
        Ok(Person { id, records })
    }

    async fn entries_behind(&self, record: Uuid, behind: i64) -> Result<Vec<WatchedEntry>, Error> {
        let rows: Vec<(i64, Vec<u8>)> = on_db!(&self.db, |c| {
            let query = sqlx::query_as(ENTRIES).bind(record).bind(behind);
            query.bind(PAGE_ENTRIES).bind(PAGE_BYTES).fetch_all(c).await?
        });
        let entry = |(revision, payload)| WatchedEntry { record, revision, payload };
        Ok(rows.into_iter().map(entry).collect())
    }
}

impl Watch {
    async fn begin(store: Store, point: ResumePoint, case_id: Option<Uuid>) -> Result<Self, Error> {
        let listener = Listener::new(&store.signals.live);
        let person = Person { id: point.customer_id, records: BTreeMap::new() };
        let mut watch = Self { store, listener, person, point, case_id };
        watch.refresh().await?;
        Ok(watch)
    }

    /// The customer as last read.
    pub fn person(&self) -> &Person {
        &self.person
    }

    pub fn point(&self) -> &ResumePoint {
        &self.point
    }

    /// Marks an entry, and all of its record before it, as handled by the receiver.
    pub fn advance(&mut self, entry: &WatchedEntry) {
        self.point.revisions.insert(entry.record, entry.revision);
    }

    /// Whether an entry is watched.
    pub fn concerns(&self, entry: &WatchedEntry) -> Result<bool, Error> {
        self.case_id.map_or(Ok(true), |case_id| payload::is_of_case(&entry.payload, case_id))
    }

    /// Reads the records of the customer and their revisions; returns whether the set of records
    /// has changed.
    pub async fn refresh(&mut self) -> Result<bool, Error> {
        let mut person = self.store.person_of(self.point.customer_id).await?;
        // Later writes wake the watch; earlier writes to a new record did not.
        while self.listener.listen_to(person.records.keys().copied().collect()) {
            person = self.store.person_of(self.point.customer_id).await?;
        }
        // A resume point ahead of the record was not reached in this database: a backup may have
        // been restored.
        let ahead = |(record, sent)| person.records.get(record).is_some_and(|last| last < sent);
        if self.point.revisions.iter().any(ahead) {
            return Err(Error::BadResumeToken);
        }
        let ids = |person: &Person| (person.id, person.records.keys().copied().collect());
        let before: (Uuid, BTreeSet<Uuid>) = ids(&self.person);
        let is_other = before != ids(&person);
        self.person = person;
        if self.point.revisions.len() > MAX_WATCHED {
            let records = &self.person.records;
            self.point.revisions.retain(|record, _| records.contains_key(record));
        }
        Ok(is_other)
    }

    /// Whether there are revisions that were not returned yet.
    pub fn is_behind(&self) -> bool {
        let sent = |record| self.point.revisions.get(record).copied().unwrap_or(0);
        self.person.records.iter().any(|(record, last)| sent(record) < *last)
    }

    /// The next entries of one record up to the revisions last read, in the order of recording.
    /// Each has to be followed by `advance`. Empty if all were returned.
    pub async fn page(&mut self) -> Result<Vec<WatchedEntry>, Error> {
        for (record, last) in &self.person.records {
            let sent = self.point.revisions.get(record).copied().unwrap_or(0);
            if sent >= *last {
                continue;
            }
            let entries = self.store.entries_behind(*record, sent).await?;
            if !entries.is_empty() {
                return Ok(entries);
            }
            // The later revisions were changes without an entry.
            self.point.revisions.insert(*record, *last);
        }
        Ok(Vec::new())
    }

    /// Waits until one of the records is written since it was last read.
    pub async fn woken(&self) {
        self.listener.woken().await;
    }
}
