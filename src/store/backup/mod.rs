//! Backups: a folder with a complete state of a database, and a manifest that is written last, so
//! that an interrupted backup is never taken for one.

mod copy;
mod dump;
mod error;
mod facts;
mod folder;
mod last;
mod manifest;
mod options;
mod programs;
mod restore;

use std::path::{Path, PathBuf, absolute};

use crate::store::{
    files::Files,
    opening::OpenError,
    privacy::erasure::ErasureFile,
    sql::db::{Db, Observers},
};
use folder::Folder;
use options::in_time;

pub use error::BackupError;
pub use facts::Facts;
pub use last::LastBackup;
pub(super) use last::last_backup;
pub use manifest::{Content, LedgerPosition, Manifest};
pub use options::{BackupOptions, Progress};
pub use restore::prepare::{Restored, Restoring};
pub use restore::restore;

/// A completed backup.
#[derive(Clone, Debug)]
pub struct BackedUp {
    pub folder: PathBuf,
    pub manifest: Manifest,
    /// Why the database does not remember it.
    pub not_noted: Option<String>,
}

/// Backs up the database of a URL into a new folder, while others may use it.
pub async fn back_up(
    url: &str,
    to: &Path,
    options: BackupOptions<'_>,
) -> Result<BackedUp, BackupError> {
    let folder = Folder::create(to)?;
    let created_at = options.clock.now();
    // Before the snapshot: whoever is erased in the snapshot is in the ledger.
    let ledger = match options.ledger {
        None => None,
        Some(path) => Some(LedgerPosition {
            path: absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
            erasures: ErasureFile::new(path.to_owned()).ids().await?.len(),
        }),
    };
    let (made, database) = match Files::of(url) {
        Some(files) => (copy::copy(&files, &folder, options).await?, "sqlite"),
        None if url.starts_with("sqlite:") => {
            let what = "a database in memory has no files";
            return Err(BackupError::refused(what, "Name one with --database"));
        }
        None => (dump::dump(url, &folder, options).await?, "postgres"),
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
    let noted = in_time(options.until, note(url, &last)).await;
    let not_noted = noted.and_then(|noted| Ok(noted?)).err().map(|error| error.to_string());
    Ok(BackedUp { folder: path, manifest, not_noted })
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
