//! Metrics of the queues, watches and files of a store.

use std::sync::atomic::AtomicU64;

use prometheus_client::{
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::Labels;

/// A queue in front of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// Entries to be recorded.
    Recorder,
    /// Audit entries to be written.
    Audit,
}

impl Queue {
    fn labels(self) -> Labels<1> {
        let name = match self {
            Self::Recorder => "recorder",
            Self::Audit => "audit",
        };
        [("queue", name)]
    }
}

/// The metrics of a store.
#[derive(Debug)]
pub struct StoreMetrics {
    pub ready: Gauge,
    watches: Gauge,
    pub overdue_promises: Gauge,
    pub unfinished_erasures: Gauge,
    pub unsealed: Gauge,
    pub last_backup: Gauge,
    queue_length: Family<Labels<1>, Gauge>,
    batch_size: Family<Labels<1>, Histogram, fn() -> Histogram>,
    disk_free: Family<Labels<1>, Gauge<u64, AtomicU64>>,
    disk_size: Family<Labels<1>, Gauge<u64, AtomicU64>>,
}

impl StoreMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let batch_size: fn() -> Histogram =
            || Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0]);
        let metrics = Self {
            ready: Gauge::default(),
            watches: Gauge::default(),
            overdue_promises: Gauge::default(),
            unfinished_erasures: Gauge::default(),
            unsealed: Gauge::default(),
            last_backup: Gauge::default(),
            queue_length: Family::default(),
            batch_size: Family::new_with_constructor(batch_size),
            disk_free: Family::default(),
            disk_size: Family::default(),
        };
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| {
            registry.register(name, help, gauge.clone());
        };
        gauge("throughline_ready", "Whether the server accepts calls", &metrics.ready);
        gauge("throughline_watches", "Timelines that are watched", &metrics.watches);
        gauge(
            "throughline_promises_overdue",
            "Open promises whose time has passed, up to 1000",
            &metrics.overdue_promises,
        );
        gauge(
            "throughline_erasures_unfinished",
            "Erasures whose second step is not done, up to 1000",
            &metrics.unfinished_erasures,
        );
        gauge(
            "throughline_audit_unsealed_entries",
            "Entries of this process's audit log that have no seal yet",
            &metrics.unsealed,
        );
        gauge(
            "throughline_last_backup_timestamp_seconds",
            "When the last backup was made, in seconds since 1970; 0 where none is known",
            &metrics.last_backup,
        );
        registry.register(
            "throughline_queue_length",
            "Calls that wait in front of the database",
            metrics.queue_length.clone(),
        );
        registry.register(
            "throughline_batch_size",
            "Calls that one transaction wrote together",
            metrics.batch_size.clone(),
        );
        registry.register(
            "throughline_disk_free_bytes",
            "Room left where a file of the server is",
            metrics.disk_free.clone(),
        );
        registry.register(
            "throughline_disk_size_bytes",
            "Size of the file system where a file of the server is",
            metrics.disk_size.clone(),
        );
        metrics
    }

    /// Counts a watch until the guard is dropped.
    pub fn watch(&self) -> WatchUnderWay {
        self.watches.inc();
        WatchUnderWay(self.watches.clone())
    }

    /// Sets how many calls wait in a queue.
    pub fn waiting(&self, queue: Queue, calls: usize) {
        let calls = i64::try_from(calls).unwrap_or(i64::MAX);
        self.queue_length.get_or_create(&queue.labels()).set(calls);
    }

    /// Records how many calls were written together.
    pub fn batch(&self, queue: Queue, calls: usize) {
        let calls = f64::from(u32::try_from(calls).unwrap_or(u32::MAX));
        self.batch_size.get_or_create(&queue.labels()).observe(calls);
    }

    /// Sets the free and the total space of a file system, in bytes.
    pub fn disk(&self, file: &'static str, free: u64, size: u64) {
        self.disk_free.get_or_create(&[("file", file)]).set(free);
        self.disk_size.get_or_create(&[("file", file)]).set(size);
    }
}

/// Counts a watch until it is dropped.
#[derive(Debug)]
pub struct WatchUnderWay(Gauge);

impl Drop for WatchUnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}
