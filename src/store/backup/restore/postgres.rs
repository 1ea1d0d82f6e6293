//! A dump that is read into an empty database of PostgreSQL, in one transaction.

use std::collections::BTreeSet;

use sqlx::{Connection as _, PgConnection};

use super::{
    super::{dump, manifest::Content, programs::Program},
    BackupError, Facts, Manifest, Means, Progress, Restored, Restoring, ensure_same, prepare,
};

/// Whatever is there that a dump would meet.
const RELATIONS: &str = "select count(*) from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') \
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'";

pub async fn restore(
    manifest: Manifest,
    how: &Restoring<'_>,
    means: Means<'_>,
) -> Result<Restored, BackupError> {
    let (mut connection, place) = dump::connect(how.url).await?;
    ensure_empty(&mut connection).await?;
    let file = how.from.join(dump::DUMP);
    let content = manifest.files.iter().find(|it| it.name == dump::DUMP);
    let Some(content) = content else {
        let what = format!("{} has no {}", how.from.display(), dump::DUMP);
        return Err(BackupError::refused(what, "Use the version that made it"));
    };
    (means.progress)(Progress { step: "checking the backup", bytes: 0, of: Some(content.bytes) });
    let hashing = tokio::task::spawn_blocking({
        let file = file.clone();
        move || Content::of(&file, dump::DUMP)
    });
    let hashed = hashing.await.unwrap_or_else(|_| Err(std::io::Error::other("a task failed")));
    let found = hashed.map_err(|error| BackupError::of_file(&file, &error))?;
    content.ensure_is(&found, how.from)?;
    let version = dump::version(&mut connection).await?;
    let pg_restore = Program::find("pg_restore", version, means).await?;
    (means.progress)(Progress { step: "reading the dump", bytes: 0, of: None });
    let arguments = [
        "--exit-on-error".to_owned(),
        "--single-transaction".to_owned(),
        "--no-owner".to_owned(),
        "--no-privileges".to_owned(),
        file.display().to_string(),
    ];
    pg_restore.run(&place, &arguments, None).await?;
    ensure_same(&manifest, &Facts::of_postgres(&mut connection).await?)?;
    let prepared = prepare(how.url, &manifest, how, means).await?;
    let facts = Facts::of_postgres(&mut connection).await?;
    // It has only read.
    let _ = connection.close().await;
    Ok(Restored {
        manifest,
        facts,
        erased_again: prepared.erased_again,
        moved_to: BTreeSet::new(),
        has_outside_seal: prepared.has_outside_seal,
    })
}

async fn ensure_empty(connection: &mut PgConnection) -> Result<(), BackupError> {
    let counted = sqlx::query_scalar(RELATIONS).fetch_one(connection).await;
    let relations: i64 = counted.map_err(|error| BackupError::Store(error.into()))?;
    if relations == 0 {
        return Ok(());
    }
    let what = format!("the database is not empty: it has {relations} tables, views or sequences");
    let advice = "Make a new one with `createdb --owner USER NAME`, name it in --database, and \
                  keep this one until all is well";
    Err(BackupError::refused(what, advice))
}
