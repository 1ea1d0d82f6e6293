//! Backups: a folder with a complete state of a database, and a manifest that is written last, so
//! that an interrupted backup is never taken for one.

mod copy;
mod dump;
mod facts;
mod folder;
mod last;
mod manifest;
mod programs;
mod restore;

use std::{
    path::{Path, PathBuf, absolute},
    time::{Duration, Instant},
};

use tokio::time::{interval, sleep_until, timeout, timeout_at};

pub use facts::Facts;
pub use last::LastBackup;
pub(super) use last::last_backup;
pub use manifest::{Content, LedgerPosition, Manifest};
pub use restore::{Restored, Restoring, restore};

use crate::{
    clock::Clock,
    error::Error,
    store::{
        files::Files,
        opening::OpenError,
        privacy::erasure::ErasureFile,
        sql::db::{Db, Observers},
    },
};
use folder::Folder;

/// The interval at which progress and free space are checked.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long a stopped statement or program may take to end.
const STOPPING: Duration = Duration::from_secs(10);

/// The options of a backup and a restore.
#[derive(Clone, Copy)]
pub struct Means<'a> {
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

/// A completed backup.
#[derive(Clone, Debug)]
pub struct BackedUp {
    pub folder: PathBuf,
    pub manifest: Manifest,
    /// Why the database does not remember it.
    pub not_noted: Option<String>,
}

/// Why a backup or a restore failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BackupError {
    /// The problem, and what to do.
    #[error("{what}. {advice}")]
    Refused { what: String, advice: String },
    /// The dump was restored into PostgreSQL, but the steps after it failed.
    #[error(
        "the dump is in the database, but the restore was not finished: {0}. Start no server on \
         it: who was erased since the backup may be in it. Run the restore again, or drop the \
         database and restore into a new one"
    )]
    Unfinished(Box<BackupError>),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{}", .0.cause())]
    Store(#[from] Error),
}

impl BackupError {
    fn refused(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), advice: advice.into() }
    }

    /// The error of a file or a folder.
    fn of_file(path: &Path, error: &std::io::Error) -> Self {
        let what = OpenError::of_file(path, error).to_string();
        Self::refused(what, "Is the folder there, may this user write to it, and is there room?")
    }

    /// The error of reading a file, or that the time was up.
    fn of_reading(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::TimedOut => Self::late(),
            _ => Self::of_file(path, error),
        }
    }

    fn late() -> Self {
        Self::refused(
            "it took longer than it may",
            "Give it more time with --time-limit, or find out what is slow",
        )
    }
}

/// Backs up the database of a URL into a new folder, while others may use it.
pub async fn back_up(url: &str, to: &Path, means: Means<'_>) -> Result<BackedUp, BackupError> {
    let folder = Folder::create(to)?;
    let created_at = means.clock.now();
    // Before the snapshot: whoever is erased in the snapshot is in the ledger.
    let ledger = match means.ledger {
        None => None,
        Some(path) => Some(LedgerPosition {
            path: absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
            erasures: ErasureFile::new(path.to_owned()).ids().await?.len(),
        }),
    };
    let (made, database) = match Files::of(url) {
        Some(files) => (copy::copy(&files, &folder, means).await?, "sqlite"),
        None if url.starts_with("sqlite:") => {
            let what = "a database in memory has no files";
            return Err(BackupError::refused(what, "Name one with --database"));
        }
        None => (dump::dump(url, &folder, means).await?, "postgres"),
    };
    let manifest = Manifest {
        format: manifest::FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: database.to_owned(),
        created_at,
        facts: made.facts,
        ledger,
        files: made.files,
    };
    let path = folder.finish(&manifest)?;
    let last = LastBackup { at: created_at, folder: path.display().to_string() };
    let noted = in_time(means.until, note(url, &last)).await;
    let not_noted = noted.and_then(|noted| Ok(noted?)).err().map(|error| error.to_string());
    Ok(BackedUp { folder: path, manifest, not_noted })
}

/// The contents of the backup.
struct Made {
    facts: Facts,
    files: Vec<Content>,
}

/// Makes the database remember its backup.
async fn note(url: &str, last: &LastBackup) -> Result<(), OpenError> {
    let _lock = match Files::of(url) {
        Some(files) => Some(files.lock_to_read().await?),
        None => None,
    };
    let db = Db::open(url, 1, &Observers::default()).await?;
    let noted = last::set(&db, last).await;
    db.close().await;
    Ok(noted?)
}

/// Runs a step until the time is up.
async fn in_time<T>(until: Instant, step: impl Future<Output = T>) -> Result<T, BackupError> {
    timeout_at(until.into(), step).await.map_err(|_| BackupError::late())
}

/// Runs something and reports progress until it is done or the time is up. After that it has some
/// time to end by itself.
async fn watched<T>(
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
