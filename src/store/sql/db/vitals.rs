//! The observed health of a database.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::{
    sync::{Mutex as AsyncMutex, OwnedMutexGuard},
    time::Instant,
};

use crate::error::Error;

/// The observed health of a database, and the probes in progress.
#[derive(Debug, Default)]
pub struct Vitals {
    last: Mutex<Last>,
    damage: Mutex<Option<Damage>>,
    /// One probe at a time.
    turn: Arc<AsyncMutex<()>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Last {
    committed: Option<Instant>,
    /// Since when no write has succeeded, if the last one failed.
    failed: Option<Instant>,
}

/// The database has reported that its file is damaged.
#[derive(Clone, Debug)]
pub struct Damage {
    pub cause: String,
    /// When the file is checked.
    pub check_at: Instant,
}

impl Vitals {
    /// A write was committed.
    pub fn succeeded(&self) {
        *self.last() = Last { committed: Some(Instant::now()), failed: None };
    }

    /// A write failed. If the call is at fault, the database works.
    pub fn failed(&self, error: &Error) {
        if matches!(error, Error::Unavailable(_) | Error::Damaged(_) | Error::Internal(_)) {
            self.last().failed.get_or_insert_with(Instant::now);
        }
    }

    /// The database has reported that its file is damaged.
    pub fn damaged(&self, cause: &str) {
        let new = || Damage { cause: cause.to_owned(), check_at: Instant::now() };
        lock(&self.damage).get_or_insert_with(new);
    }

    /// The damage that was reported, unless a check has found the file intact since.
    pub fn damage(&self) -> Option<Damage> {
        lock(&self.damage).clone()
    }

    pub fn set_damage(&self, damage: Option<Damage>) {
        *lock(&self.damage) = damage;
    }

    /// Waits for the turn to probe, which ends when it is dropped.
    pub async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Whether the last write has failed.
    pub fn has_failed(&self) -> bool {
        self.last().failed.is_some()
    }

    pub fn has_committed_since(&self, time: Instant) -> bool {
        self.last().committed.is_some_and(|committed| committed >= time)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        lock(&self.last)
    }
}

/// No code that runs under these locks can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
