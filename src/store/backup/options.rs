//! What a backup may use: time, room and programs.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::{interval, sleep_until, timeout, timeout_at};

use super::{error::BackupError, facts::Facts, manifest::Content};
use crate::clock::Clock;

/// The interval at which progress and free space are checked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long a stopped statement or program may take to end.
pub const STOPPING: Duration = Duration::from_secs(10);

/// The options of a backup and a restore.
#[derive(Clone, Copy)]
pub struct BackupOptions<'a> {
    pub clock: Clock,
    /// The erasure ledger; None if none is kept.
    pub ledger: Option<&'a Path>,
    /// The folder of PostgreSQL's client programs; None: the PATH.
    pub programs: Option<&'a Path>,
    /// The deadline.
    pub until: Instant,
    /// Called with the progress.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// The progress of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub step: &'static str,
    pub bytes: u64,
    /// The approximate total; None if unknown.
    pub of: Option<u64>,
}

/// The contents of the backup.
pub struct Made {
    pub(super) facts: Facts,
    pub(super) files: Vec<Content>,
}

/// Runs a step until the time is up.
pub async fn in_time<T>(until: Instant, step: impl Future<Output = T>) -> Result<T, BackupError> {
    timeout_at(until.into(), step).await.map_err(|_| BackupError::late())
}

/// Runs something and reports progress until it is done or the time is up. After that it has some
/// time to end by itself.
pub async fn watched<T>(
    work: impl Future<Output = T>,
    until: Instant,
    to_end: Duration,
    mut look: impl FnMut() -> Result<(), BackupError>,
) -> Result<T, BackupError> {
    let mut work = std::pin::pin!(work);
    let mut every = interval(LOOK_EVERY);
    let stop = loop {
        tokio::select! {
            biased;
            done = &mut work => return Ok(done),
            () = sleep_until(until.into()) => break BackupError::late(),
            _ = every.tick() => if let Err(error) = look() {
                break error;
            },
        }
    };
    let _ = timeout(to_end, work).await;
    Err(stop)
}
