//! Wakes watches of records. A wake-up carries no data: each watch reads new entries at its own
//! pace, so that nothing accumulates for a slow one.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;
use uuid::Uuid;

/// Writers of different records rarely contend.
const SHARDS: usize = 16;

type Shard = HashMap<Uuid, Watched>;

/// The watched records.
#[derive(Debug, Default)]
pub struct Hub {
    shards: [Mutex<Shard>; SHARDS],
    /// The number of records in the shards: while it is 0, writes have no extra cost.
    records: AtomicUsize,
    /// Notified when the first record is watched.
    begun: Notify,
}

/// A watched record.
#[derive(Debug)]
struct Watched {
    /// The last known revision.
    seen: i64,
    bells: Vec<Arc<Notify>>,
}

impl Hub {
    /// Wakes the watches of records that have reached these revisions, unless that was known.
    pub fn wake(&self, revisions: impl Iterator<Item = (Uuid, i64)>) {
        if self.records.load(Ordering::SeqCst) == 0 {
            return;
        }
        for (record, revision) in revisions {
            if let Some(watched) = self.shard(record).get_mut(&record)
                && watched.seen < revision
            {
                watched.seen = revision;
                watched.bells.iter().for_each(|bell| bell.notify_one());
            }
        }
    }

    /// The watched records.
    pub(super) fn records(&self) -> Vec<Uuid> {
        let mut records = Vec::with_capacity(self.records.load(Ordering::SeqCst));
        for shard in &self.shards {
            records.extend(lock(shard).keys());
        }
        records
    }

    /// Waits until a record is watched.
    pub(super) async fn begun(&self) {
        while self.records.load(Ordering::SeqCst) == 0 {
            self.begun.notified().await;
        }
    }

    fn add(&self, record: Uuid, bell: &Arc<Notify>) {
        // Counted first: a writer that still finds none has committed before, and the new watch
        // reads after that.
        self.records.fetch_add(1, Ordering::SeqCst);
        let mut shard = self.shard(record);
        if shard.contains_key(&record) {
            self.records.fetch_sub(1, Ordering::SeqCst);
        }
        let new = || Watched { seen: i64::MIN, bells: Vec::new() };
        shard.entry(record).or_insert_with(new).bells.push(Arc::clone(bell));
        drop(shard);
        self.begun.notify_one();
    }

    fn remove(&self, record: Uuid, bell: &Arc<Notify>) {
        let mut shard = self.shard(record);
        let Some(watched) = shard.get_mut(&record) else { return };
        watched.bells.retain(|other| !Arc::ptr_eq(other, bell));
        if watched.bells.is_empty() {
            shard.remove(&record);
            self.records.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn shard(&self, record: Uuid) -> MutexGuard<'_, Shard> {
        // The last byte of an id is random.
        lock(&self.shards[usize::from(record.as_bytes()[15]) % SHARDS])
    }
}

/// No code that runs under the lock can panic midway.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A watch of some records, until it is dropped.
#[derive(Debug)]
pub(super) struct Listener {
    hub: Arc<Hub>,
    records: BTreeSet<Uuid>,
    bell: Arc<Notify>,
}

impl Listener {
    pub fn new(hub: &Arc<Hub>) -> Self {
        Self { hub: Arc::clone(hub), records: BTreeSet::new(), bell: Arc::default() }
    }

    /// Watches these records from now on; returns whether some of them are new. Earlier writes have
    /// to be read.
    pub fn listen_to(&mut self, records: BTreeSet<Uuid>) -> bool {
        for gone in self.records.difference(&records) {
            self.hub.remove(*gone, &self.bell);
        }
        let mut is_new = false;
        for new in records.difference(&self.records) {
            self.hub.add(*new, &self.bell);
            is_new = true;
        }
        self.records = records;
        is_new
    }

    /// Waits until one of the records is written since the last call.
    pub async fn woken(&self) {
        self.bell.notified().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.listen_to(BTreeSet::new());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_woken(listener: &Listener) -> bool {
        listener.woken().now_or_never().is_some()
    }

    #[test]
    fn who_waits_for_a_record_is_woken_and_nobody_else() {
        let hub = Arc::new(Hub::default());
        let [one, two, three] = [1, 2, 3].map(Uuid::from_u128);
        let mut first = Listener::new(&hub);
        let mut second = Listener::new(&hub);
        assert!(first.listen_to(BTreeSet::from([one, two])));
        assert!(second.listen_to(BTreeSet::from([two])));
        assert_eq!(hub.records.load(Ordering::SeqCst), 2);

        let wake = |record, revision| hub.wake([(record, revision)].into_iter());
        hub.wake([(one, 1), (three, 1)].into_iter());
        assert_eq!((is_woken(&first), is_woken(&second)), (true, false));
        assert!(!is_woken(&first), "once");
        wake(two, 5);
        assert_eq!((is_woken(&first), is_woken(&second)), (true, true));
        wake(two, 5);
        wake(two, 4);
        assert_eq!((is_woken(&first), is_woken(&second)), (false, false), "no news");

        assert!(!first.listen_to(BTreeSet::from([one])));
        wake(two, 6);
        assert_eq!((is_woken(&first), is_woken(&second)), (false, true));
        drop((first, second));
        assert_eq!(hub.records(), Vec::<Uuid>::new());
        assert_eq!(hub.records.load(Ordering::SeqCst), 0);
    }
}
