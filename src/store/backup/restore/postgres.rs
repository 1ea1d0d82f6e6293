//! Restores a dump into an empty PostgreSQL database, in one transaction.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::PgConnection;
use tokio::time::timeout;

use super::prepare::{Restored, Restoring, ensure_same, prepare};
use crate::{
    error::Error,
    store::backup::{
        BackupError, BackupOptions, Manifest, dump,
        manifest::Content,
        options::{Progress, in_time},
        programs::{Place, Program},
    },
};

/// How long it may take to check whether a failed program has left something.
const LOOK: Duration = Duration::from_secs(10);

/// Existing objects that a dump would conflict with.
const RELATIONS: &str = "select count(*) from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') \
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

pub async fn restore(
    manifest: Manifest,
    how: &Restoring<'_>,
    options: BackupOptions<'_>,
) -> Result<Restored, BackupError> {
    let (mut connection, place) = dump::connect(how.url).await?;
    let is_read = is_read(&mut connection, &manifest, options).await?;
    let version = in_time(options.until, dump::version(&mut connection)).await??;
    // It would be idle while the dump is read.
    dump::close(connection).await;
    if !is_read {
        let file = checked(&manifest, how.from, options).await?;
        let pg_restore = Program::find("pg_restore", version, options).await?;
        read(&pg_restore, &place, &file, how.url, options).await?;
    }
    finish(manifest, how, options).await.map_err(|error| BackupError::Unfinished(Box::new(error)))
}

/// Whether the database already contains the backup, as after a restore that was interrupted once
/// the dump was read. A database with other contents is refused.
async fn is_read(
    connection: &mut PgConnection,
    manifest: &Manifest,
    options: BackupOptions<'_>,
) -> Result<bool, BackupError> {
    let relations = in_time(options.until, relations(connection)).await??;
    if relations == 0 {
        return Ok(false);
    }
    let has_id = manifest.facts.database_id.is_some();
    if has_id && dump::facts(connection, options.until).await? == manifest.facts {
        return Ok(true);
    }
    let what = format!("the database is not empty: it has {relations} tables, views or sequences");
    let advice = "Make a new one with `createdb --owner USER NAME`, name it in --database, and \
                  keep this one until all is well";
    Err(BackupError::refused(what, advice))
}

async fn relations(connection: &mut PgConnection) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(RELATIONS).fetch_one(connection).await?)
}

/// The verified dump of a backup.
async fn checked(
    manifest: &Manifest,
    from: &Path,
    options: BackupOptions<'_>,
) -> Result<PathBuf, BackupError> {
    let file = from.join(dump::DUMP);
    let content = manifest.files.iter().find(|it| it.name == dump::DUMP);
    let Some(content) = content else {
        let what = format!("{} has no {}", from.display(), dump::DUMP);
        return Err(BackupError::refused(what, "Use the version that made it"));
    };
    (options.progress)(Progress { step: "checking the backup", bytes: 0, of: Some(content.bytes) });
    let hashing = tokio::task::spawn_blocking({
        let file = file.clone();
        move || Content::of(&file, dump::DUMP, options.until)
    });
    let hashed = hashing.await.unwrap_or_else(|_| Err(std::io::Error::other("a task failed")));
    let found = hashed.map_err(|error| BackupError::of_reading(&file, &error))?;
    content.ensure_is(&found, from)?;
    Ok(file)
}

/// Reads a dump in one transaction.
async fn read(
    pg_restore: &Program<'_>,
    place: &Place,
    file: &Path,
    url: &str,
    options: BackupOptions<'_>,
) -> Result<(), BackupError> {
    (options.progress)(Progress { step: "reading the dump", bytes: 0, of: None });
    let arguments = [
        "--exit-on-error".to_owned(),
        "--single-transaction".to_owned(),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        file.display().to_string(),
    ];
    let Err(error) = pg_restore.run(place, &arguments, None).await else { return Ok(()) };
    // It may have ended after the commit.
    let (mut connection, _) = dump::connect(url).await.map_err(|_| error.clone())?;
    match timeout(LOOK, relations(&mut connection)).await {
        Ok(Ok(1..)) => Err(BackupError::Unfinished(Box::new(error))),
        _ => Err(error),
    }
}

/// The steps after the dump is read.
async fn finish(
    manifest: Manifest,
    how: &Restoring<'_>,
    options: BackupOptions<'_>,
) -> Result<Restored, BackupError> {
    (options.progress)(Progress { step: "counting the rows", bytes: 0, of: None });
    let (mut connection, _) = dump::connect(how.url).await?;
    ensure_same(&manifest, &dump::facts(&mut connection, options.until).await?)?;
    let prepared = prepare(how.url, &manifest, how, options).await?;
    let facts = dump::facts(&mut connection, options.until).await?;
    dump::close(connection).await;
    Ok(Restored {
        manifest,
        facts,
        erased_again: prepared.erased_again,
        moved_to: BTreeSet::new(),
        has_outside_seal: prepared.has_outside_seal,
    })
}
