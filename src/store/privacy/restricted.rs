//! Restricted records, in the memory of each server: there are almost none, so that reads check
//! them without a statement. Changes by this process apply at once; those of others are found by
//! polling.

use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use crate::{
    error::Error,
    store::{
        Store,
        sql::db::{Db, on_db},
    },
};

/// The restricted records after one.
const LIST: &str = "select id from customers where restricted and id > $1 order by id limit 1000";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 1] = [("customers.restricted", LIST)];

const PAGE: usize = 1000;
/// The polling interval.
const EVERY: Duration = Duration::from_millis(500);

/// The records whose processing is restricted.
#[derive(Debug, Default)]
pub struct Restricted {
    /// Whether there are any.
    any: AtomicBool,
    known: RwLock<RestrictedRecords>,
}

#[derive(Debug, Default)]
struct RestrictedRecords {
    records: HashSet<Uuid>,
    /// Counts the changes by this process: a poll that began before a change is outdated.
    changes: u64,
}

impl Restricted {
    pub fn has(&self, record: Uuid) -> bool {
        self.is_any() && self.read(|known| known.records.contains(&record))
    }

    pub fn is_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Applies a change that this process has just committed.
    pub fn set(&self, records: &[Uuid], restricted: bool) {
        self.write(|known| {
            known.changes += 1;
            for record in records {
                if restricted {
                    known.records.insert(*record);
                } else {
                    known.records.remove(record);
                }
            }
        });
    }

    /// Reads all restricted records.
    pub async fn load(&self, db: &Db) -> Result<(), Error> {
        let begun_at = self.read(|known| known.changes);
        let mut records = HashSet::new();
        let mut after = Uuid::nil();
        loop {
            let page: Vec<Uuid> =
                on_db!(db, |c| { sqlx::query_scalar(LIST).bind(after).fetch_all(c).await? });
            records.extend(&page);
            match page.last() {
                Some(last) if page.len() == PAGE => after = *last,
                _ => break,
            }
        }
        self.write(|known| {
            if known.changes == begun_at {
                known.records = records;
            }
        });
        Ok(())
    }

    fn read<T>(&self, look: impl FnOnce(&RestrictedRecords) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut RestrictedRecords)) {
        // No code that runs under the lock can panic midway.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        self.any.store(!known.records.is_empty(), Ordering::Release);
    }
}

/// Polls the restricted records. Never returns.
pub async fn poll(db: Db, restricted: Arc<Restricted>) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        // If they cannot be read, the last state stays; customers cannot be read either.
        if let Err(error) = restricted.load(&db).await {
            tracing::debug!(%error, "cannot read restrictions");
        }
    }
}

impl Store {
    /// A view of this store without restrictions, for reads of privacy officers. Writes are still
    /// refused.
    pub fn even_restricted(&self) -> Self {
        Self { restricted: Arc::default(), ..self.clone() }
    }

    pub(in crate::store) fn is_restricted(&self, record: Uuid) -> bool {
        self.restricted.has(record)
    }

    /// Refuses to read a restricted record.
    pub(in crate::store) fn ensure_not_restricted(&self, record: Uuid) -> Result<(), Error> {
        if self.is_restricted(record) { Err(Error::CustomerRestricted) } else { Ok(()) }
    }
}
