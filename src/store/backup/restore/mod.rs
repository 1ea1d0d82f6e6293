//! Restores a backup.
//!
//! SQLite is prepared in a folder beside its files and served only when everything is done.
//! PostgreSQL reads the dump in one transaction, and errors after its commit say so. Customers
//! erased since the backup are erased again.

mod files;
mod postgres;
pub mod prepare;

use super::{BackupError, BackupOptions, Manifest};
use crate::store::{ErasureFile, Files};
use prepare::{Restored, Restoring};

/// Restores a backup to the database of a URL, which nobody may have open.
pub async fn restore(
    how: &Restoring<'_>,
    options: BackupOptions<'_>,
) -> Result<Restored, BackupError> {
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
    ensure_newest_ledger(&manifest, options).await?;
    match Files::of(how.url) {
        Some(files) => files::restore(&files, manifest, how, options).await,
        None => postgres::restore(manifest, how, options).await,
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
async fn ensure_newest_ledger(
    manifest: &Manifest,
    options: BackupOptions<'_>,
) -> Result<(), BackupError> {
    let Some(path) = options.ledger else { return Ok(()) };
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
