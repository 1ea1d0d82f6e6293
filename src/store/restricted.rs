//! Who is restricted, in the memory of each server: almost nobody, so that a read learns it without
//! a statement. What this process changes stands at once; what others change is found by a poll.

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

use super::{
    Store,
    db::{Db, on_db},
};
use crate::error::Error;

/// The records that are restricted, behind one.
pub(super) const LIST: &str =
    "select id from customers where restricted and id > $1 order by id limit 1000";

const PAGE: usize = 1000;
/// How often they are read again.
const EVERY: Duration = Duration::from_millis(500);

/// The records whose use is restricted.
#[derive(Debug, Default)]
pub(super) struct Restricted {
    /// Whether there are any.
    any: AtomicBool,
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    records: HashSet<Uuid>,
    /// Grows with what this process changes: a reading that began before is older than that.
    changes: u64,
}

impl Restricted {
    pub fn has(&self, record: Uuid) -> bool {
        self.is_any() && self.read(|known| known.records.contains(&record))
    }

    pub fn is_any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Notes what this process has just committed.
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

    /// Reads all of them.
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

    fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, change: impl FnOnce(&mut Known)) {
        // Nothing that is done under the lock can panic half-way.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        change(&mut known);
        self.any.store(!known.records.is_empty(), Ordering::Release);
    }
}

/// Reads them again and again.
pub(super) async fn poll(db: Db, restricted: Arc<Restricted>) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        // What cannot be read now is as it was; nor can anybody be read.
        if let Err(error) = restricted.load(&db).await {
            tracing::debug!(%error, "restrictions not read");
        }
    }
}

impl Store {
    /// The same store, to whom nobody is restricted: for reads of those who answer for what is
    /// kept. Writes are refused all the same.
    pub fn even_restricted(&self) -> Self {
        Self { restricted: Arc::default(), ..self.clone() }
    }

    pub(super) fn is_restricted(&self, record: Uuid) -> bool {
        self.restricted.has(record)
    }

    /// Refuses to show a record, or anything of it.
    pub(super) fn refuse_restricted(&self, record: Uuid) -> Result<(), Error> {
        if self.is_restricted(record) { Err(Error::CustomerRestricted) } else { Ok(()) }
    }
}
