//! Inspects the files of an SQLite database.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    Contents, Engine, Found, Inspecting, Inspection,
    found::{Integrity, Sqlite, SqliteFile},
    how::{ANSWER_LIMIT, CONNECTIONS, has_table},
};
use crate::{
    error::Error,
    store::{
        files::{Files, OpenFile, QUICK_CHECK, first_fault},
        opening::OpenError,
        paths::{has_content, log_of},
        sql::{
            database_id,
            db::{Db, Observers, Pool, on},
            statement::Kind,
        },
    },
};

/// The position of the write version in the file header, and its value for a write-ahead log.
const WRITE_VERSION: u64 = 18;
const WRITE_AHEAD: [u8; 2] = [2, 2];
/// The number of free pages, and their size.
const FREE_PAGES: &str = "select f.freelist_count, s.page_size \
    from pragma_freelist_count f, pragma_page_size s";
/// SQLite's codes for unreadable content.
const CORRUPT: &str = "11";
const NOT_A_DATABASE: &str = "26";

pub(super) async fn inspect(url: &str, how: &Inspecting) -> Result<Inspection, OpenError> {
    let Some(files) = Files::of(url) else { return Ok(Inspection::Absent(":memory:".into())) };
    files.ensure_restored()?;
    if !has_content(&files.database) {
        return match files.traces(&how.opening) {
            traces if traces.is_empty() || how.opening.create => {
                Ok(Inspection::Absent(files.database))
            }
            traces => Err(OpenError::Lost { file: files.database, traces }),
        };
    }
    // While somebody has them open, a log is normal.
    if !files.are_open()? {
        files.has_logs()?;
    }
    let (db, database) = look(&files.database, how.page_check).await?;
    let (audit_db, audit) = match has_content(&files.audit) {
        true => {
            let (db, file) = look(&files.audit, how.page_check).await?;
            (Some(db), Some(file))
        }
        false => (None, None),
    };
    let contents = match &audit_db {
        Some(audit) if is_of_another(&db, audit).await.unwrap_or(false) => {
            Err(OpenError::OtherAudit { audit: files.audit })
        }
        audit => Contents::read(&db, audit.as_ref(), how).await.map_err(OpenError::from),
    };
    for db in [Some(db), audit_db].into_iter().flatten() {
        db.close().await;
    }
    let engine = Engine::Sqlite(Sqlite { database, audit });
    Ok(Inspection::Found(Box::new(Found { engine, contents })))
}

/// Whether the audit log belongs to another database. It has no id if an older version created it.
async fn is_of_another(db: &Db, audit: &Db) -> Result<bool, Error> {
    let has_ids = has_table(db, "settings").await? && has_table(audit, "audit_settings").await?;
    Ok(has_ids && database_id::differ(db, audit).await?)
}

fn bytes_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// Opens an existing file and checks its pages.
async fn look(path: &Path, check: Option<Duration>) -> Result<(Db, SqliteFile), Error> {
    let log = log_of(path);
    loop {
        let log_bytes = bytes_of(&log);
        // Before SQLite opens it: closing a file releases the locks on it.
        let is_write_ahead = is_write_ahead(path).unwrap_or(false);
        let open_file = open(path, log_bytes == 0);
        let observer = Observers::default().of(Kind::Sqlite, "read");
        let pool = Pool::new(Arc::clone(&open_file), CONNECTIONS, observer);
        let file = SqliteFile { log_bytes, is_write_ahead, ..pages(&pool, path, check).await? };
        // A process that began to write meanwhile may have changed pages that were checked without
        // a lock. From now on there is a log, so that this happens once.
        if log_bytes > 0 || bytes_of(&log) == 0 {
            return Ok((Db::Sqlite { read: pool.clone(), write: pool, file: open_file }, file));
        }
        pool.close().await;
    }
}

/// A file that is opened without a log does not let SQLite read its own header.
fn is_write_ahead(path: &Path) -> io::Result<bool> {
    let mut versions = [0; 2];
    File::open(path)?.read_exact_at(&mut versions, WRITE_VERSION)?;
    Ok(versions == WRITE_AHEAD)
}

/// Without a log nobody writes, and the file is opened without one: SQLite would create it, and the
/// next start would take it for the remains of a crash.
fn open(path: &Path, nobody_writes: bool) -> Arc<OpenFile> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(nobody_writes)
        .busy_timeout(ANSWER_LIMIT);
    Arc::new(OpenFile::unwatched(options))
}

async fn pages(
    pool: &Pool<SqliteConnection>,
    path: &Path,
    check: Option<Duration>,
) -> Result<SqliteFile, Error> {
    // SQLite ends the check by itself.
    let bound = check.unwrap_or_default() + ANSWER_LIMIT;
    let mut connection = pool.acquire().await?.bounded_by(bound);
    let integrity = match check {
        Some(limit) => on!(connection, |c| quick_check(c, limit).await?),
        None => Integrity::Unchecked,
    };
    let free_bytes = match integrity {
        Integrity::Fault(_) => 0,
        _ => on!(connection, |c| free_bytes(c).await?),
    };
    let (bytes, path) = (bytes_of(path), path.to_owned());
    Ok(SqliteFile { path, bytes, free_bytes, log_bytes: 0, is_write_ahead: false, integrity })
}

async fn free_bytes(connection: &mut SqliteConnection) -> Result<u64, Error> {
    let (pages, bytes): (i64, i64) = sqlx::query_as(FREE_PAGES).fetch_one(connection).await?;
    Ok(u64::try_from(pages.saturating_mul(bytes)).unwrap_or(0))
}

async fn quick_check(
    connection: &mut SqliteConnection,
    limit: Duration,
) -> Result<Integrity, Error> {
    let until = Instant::now() + limit;
    let error = match first_fault(connection, QUICK_CHECK, until).await {
        Ok(None) => return Ok(Integrity::Unfinished),
        Ok(Some(found)) if found == "ok" => return Ok(Integrity::Whole),
        Ok(Some(fault)) => return Ok(Integrity::Fault(fault)),
        Err(error) => error,
    };
    match error.as_database_error().and_then(|error| error.code()).as_deref() {
        Some(CORRUPT) => Ok(Integrity::Fault("its pages do not fit together".to_owned())),
        Some(NOT_A_DATABASE) => Ok(Integrity::Fault("it is no file of SQLite".to_owned())),
        _ => Err(error.into()),
    }
}
