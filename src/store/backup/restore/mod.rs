//! Restores a backup.
//!
//! SQLite is prepared in a folder beside its files and served only when everything is done.
//! PostgreSQL reads the dump in one transaction, and errors after its commit say so. Customers
//! erased since the backup are erased again.

mod files;
mod postgres;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{BackupError, Facts, LastBackup, Manifest, Means, Progress, in_time, last};
use crate::{
    model::Seal,
    store::{ErasureFile, Files, Opening, Store},
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

/// Restores a backup to the database of a URL, which nobody may have open.
pub async fn restore(how: &Restoring<'_>, means: Means<'_>) -> Result<Restored, BackupError> {
    let manifest = Manifest::read(how.from)?;
    let kind = if how.url.starts_with("sqlite:") { "sqlite" } else { "postgres" };
    if manifest.database != kind {
        let what = format!("{} is a backup of {}", how.from.display(), name_of(&manifest.database));
        let advice = format!("It cannot be put into {}: name another --database", name_of(kind));
        return Err(BackupError::refused(what, advice));
    }
    for file in &manifest.files {
        file.ensure_there(how.from)?;
    }
    ensure_newest_ledger(&manifest, means).await?;
    match Files::of(how.url) {
        Some(files) => files::restore(&files, manifest, how, means).await,
        None => postgres::restore(manifest, how, means).await,
    }
}

fn name_of(kind: &str) -> &str {
    match kind {
        "sqlite" => "SQLite",
        "postgres" => "PostgreSQL",
        other => other,
    }
}

/// A ledger that is older than the one at the time of the backup does not know who was erased
/// since, and a missing one knows nobody.
async fn ensure_newest_ledger(manifest: &Manifest, means: Means<'_>) -> Result<(), BackupError> {
    let Some(path) = means.ledger else { return Ok(()) };
    if !path.exists() {
        let of_backup = manifest.ledger.as_ref();
        let beside = of_backup.map_or_else(String::new, |ledger| {
            format!(" (that of the backup was {})", ledger.path)
        });
        let what = format!(
            "there is no erasure ledger {}{beside}: customers may come back who were erased",
            path.display()
        );
        let advice = "Name the newest ledger with --erasure-ledger, or say none where nobody was \
                      erased or something else erases them again";
        return Err(BackupError::refused(what, advice));
    }
    let Some(before) = &manifest.ledger else { return Ok(()) };
    let erasures = ErasureFile::new(path.to_owned()).ids().await?.len();
    if erasures >= before.erasures {
        return Ok(());
    }
    let what = format!(
        "the erasure ledger {} has {erasures} of at least {} erasures that {} had: customers would \
         come back who were erased",
        path.display(),
        before.erasures,
        before.path
    );
    let advice = "Name the newest ledger with --erasure-ledger, or say none where something else \
                  erases them again";
    Err(BackupError::refused(what, advice))
}

/// The result of preparing a database that nobody uses.
struct Prepared {
    erased_again: usize,
    has_outside_seal: Option<bool>,
}

/// Migrates the tables of a restored database, and repeats the erasures since the backup.
async fn prepare(
    url: &str,
    manifest: &Manifest,
    how: &Restoring<'_>,
    means: Means<'_>,
) -> Result<Prepared, BackupError> {
    (means.progress)(Progress { step: "erasing again", bytes: 0, of: None });
    let preparing = async {
        let opening = Opening::default();
        let mut store = Store::open_with(url, how.connections, means.clock, &opening).await?;
        if let Some(path) = means.ledger {
            store = store.with_erasure_file(ErasureFile::new(path.to_owned()));
        }
        let prepared = prepare_open(&store, manifest, how).await;
        store.close().await;
        prepared
    };
    in_time(means.until, preparing).await?
}

async fn prepare_open(
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
fn ensure_same(manifest: &Manifest, found: &Facts) -> Result<(), BackupError> {
    if *found == manifest.facts {
        return Ok(());
    }
    let what = format!("the backup holds {found:?}, and not {:?}", manifest.facts);
    Err(BackupError::refused(what, "Take another backup, and report this one"))
}
