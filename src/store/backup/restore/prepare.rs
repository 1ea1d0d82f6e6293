//! What a restore needs before it puts anything in place.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use crate::{
    model::Seal,
    store::{
        ErasureFile, Opening, Store,
        backup::{
            BackupError, BackupOptions, Facts, LastBackup, Manifest, Progress, last,
            options::in_time,
        },
    },
};

/// The parameters of a restore besides the options.
#[derive(Clone, Debug)]
pub struct Restoring<'a> {
    pub url: &'a str,
    pub from: &'a Path,
    pub connections: u32,
    /// The last seal outside of the database.
    pub outside_seal: Option<Seal>,
}

/// The result of a restore.
#[derive(Clone, Debug)]
pub struct Restored {
    pub manifest: Manifest,
    /// The figures of the restored database.
    pub facts: Facts,
    /// How many erasures were repeated.
    pub erased_again: usize,
    /// The folders with the replaced files.
    pub moved_to: BTreeSet<PathBuf>,
    /// Whether the audit log has the last seal outside of it; None if there is none.
    pub has_outside_seal: Option<bool>,
}

/// The result of preparing a database that nobody uses.
pub struct Prepared {
    pub(super) erased_again: usize,
    pub(super) has_outside_seal: Option<bool>,
}

/// Migrates the tables of a restored database, and repeats the erasures since the backup.
pub async fn prepare(
    url: &str,
    manifest: &Manifest,
    how: &Restoring<'_>,
    options: BackupOptions<'_>,
) -> Result<Prepared, BackupError> {
    (options.progress)(Progress { step: "erasing again", bytes: 0, of: None });
    let preparing = async {
        let opening = Opening::default();
        let mut store = Store::open_with(url, how.connections, options.clock, &opening).await?;
        if let Some(path) = options.ledger {
            store = store.with_erasure_file(ErasureFile::new(path.to_owned()));
        }
        let prepared = prepare_open(&store, manifest, how).await;
        store.close().await;
        prepared
    };
    in_time(options.until, preparing).await?
}

pub async fn prepare_open(
    store: &Store,
    manifest: &Manifest,
    how: &Restoring<'_>,
) -> Result<Prepared, BackupError> {
    let erased_again = store.erase_again().await?;
    store.finish_erasures().await?;
    // The remembered backup is older than this one.
    let folder = how.from.canonicalize().unwrap_or_else(|_| how.from.to_owned());
    let folder = folder.display().to_string();
    last::set(&store.db, &LastBackup { at: manifest.created_at, folder }).await?;
    let has_outside_seal = match &how.outside_seal {
        None => None,
        Some(seal) => {
            let found = store.seals_behind(seal.number.saturating_sub(1), 1).await?;
            Some(found.first() == Some(seal))
        }
    };
    Ok(Prepared { erased_again, has_outside_seal })
}

/// Refuses if the database does not have the figures of the backup.
pub fn ensure_same(manifest: &Manifest, found: &Facts) -> Result<(), BackupError> {
    if *found == manifest.facts {
        return Ok(());
    }
    let what = format!("the backup holds {found:?}, and not {:?}", manifest.facts);
    Err(BackupError::refused(what, "Take another backup, and report this one"))
}
