//! How far this machine's clock is known to be off.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use tokio::sync::{Mutex, MutexGuard};

use crate::model::Micros;

/// A clock that differs by more is off, in microseconds: five minutes. Callers' clocks may be ahead
/// by an hour, so that one that differs by less refuses nobody who is right.
pub const TOLERANCE: Micros = 300_000_000;

/// What is known of this machine's clock. Copies share it.
#[derive(Clone, Debug, Default)]
pub struct ClockSkew(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How far the clock is behind. Negative: ahead.
    behind: AtomicI64,
    /// How often a call named a time that has not come, since somebody asked last.
    early: AtomicU64,
    /// Held while the clock is compared: a comparison that began before another one is over first.
    comparing: Mutex<()>,
}

impl ClockSkew {
    /// The turn of a comparison, until it is dropped.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.comparing.lock().await
    }

    /// How far the clock is behind, in microseconds. Negative: ahead. 0 where nothing is known.
    pub fn behind(&self) -> Micros {
        self.0.behind.load(Ordering::Relaxed)
    }

    /// Whether what the clock says of a time is to be trusted.
    pub fn is_off(&self) -> bool {
        self.behind().abs() > TOLERANCE
    }

    /// Takes over what was found, and gives what was known before.
    pub fn set(&self, behind: Micros) -> Micros {
        self.0.behind.swap(behind, Ordering::Relaxed)
    }

    /// Notes that a call named a time that has not come.
    pub fn note_early(&self) {
        self.0.early.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was noted since the last time.
    pub fn take_early(&self) -> u64 {
        self.0.early.swap(0, Ordering::Relaxed)
    }
}
