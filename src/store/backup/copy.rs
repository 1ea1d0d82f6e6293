//! Backs up SQLite: writes both files anew, each from one snapshot. Readers and writers continue
//! meanwhile; only the write-ahead log cannot be truncated.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    BackupError, BackupOptions, Facts, Progress,
    folder::{Folder, ensure_room},
    options::{Made, STOPPING, in_time, watched},
};
use crate::store::{
    files::{Files, INTEGRITY_CHECK, first_fault},
    opening::OpenError,
    paths::{folder, has_content, log_of},
};

/// The files of a backup.
pub const DATABASE: &str = "throughline.db";
pub const AUDIT: &str = "throughline.db-audit";

const COPY: &str = "vacuum into $1";
/// The number of steps after which SQLite calls the progress handler.
const STEPS: i32 = 1000;
/// How long to wait for a lock.
const BUSY: Duration = Duration::from_secs(10);

/// Copies the files of an existing database.
pub async fn copy(
    files: &Files,
    to: &Folder,
    options: BackupOptions<'_>,
) -> Result<Made, BackupError> {
    if !has_content(&files.database) {
        files.ensure_restored()?;
        let what = format!("there is no database {}", files.database.display());
        return Err(BackupError::refused(what, "Name one with --database sqlite:FILE"));
    }
    let _lock = files.lock_to_read().await?;
    let has_audit = has_content(&files.audit);
    let bytes = [&files.database, &files.audit].map(|file| bytes_of(file));
    ensure_room(folder(&to.file(DATABASE)), bytes.iter().sum())?;
    // The audit log second, so that it covers everything in the database.
    copy_file(&files.database, to, DATABASE, options).await?;
    if has_audit {
        copy_file(&files.audit, to, AUDIT, options).await?;
    }
    let mut kept = vec![to.keep(DATABASE, options.until).await?];
    if has_audit {
        kept.push(to.keep(AUDIT, options.until).await?);
    }
    (options.progress)(Progress { step: "checking the copy", bytes: 0, of: None });
    let facts = check(&to.file(DATABASE), &to.file(AUDIT), options.until).await?;
    Ok(Made { facts, files: kept })
}

/// The size of a file and its log, which its copy does not exceed.
fn bytes_of(file: &Path) -> u64 {
    let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
    bytes(file) + bytes(&log_of(file))
}

async fn copy_file(
    file: &Path,
    to: &Folder,
    name: &'static str,
    options: BackupOptions<'_>,
) -> Result<(), BackupError> {
    let unfit = |error: sqlx::Error| BackupError::Open(OpenError::of_sqlite(file, &error));
    let copy = to.new_file(name)?;
    let Some(copy_name) = copy.to_str() else {
        let what = format!("the name {} is no UTF-8", copy.display());
        return Err(BackupError::refused(what, "Name another folder"));
    };
    let connect = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY);
    let mut connection = connect.connect().await.map_err(unfit)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let (until, stop) = (options.until, Arc::clone(&is_over));
    let goes_on = move || !stop.load(Ordering::Relaxed) && Instant::now() < until;
    connection.lock_handle().await.map_err(unfit)?.set_progress_handler(STEPS, goes_on);
    let of = bytes_of(file);
    let step = if name == DATABASE { "copying the database" } else { "copying the audit log" };
    let look = || {
        let bytes = fs::metadata(&copy).map_or(0, |file| file.len());
        (options.progress)(Progress { step, bytes, of: Some(of.max(bytes)) });
        // The log of the database grows while it is read.
        let room = ensure_room(folder(&copy), 0).and_then(|()| ensure_room(folder(file), 0));
        room.inspect_err(|_| is_over.store(true, Ordering::Relaxed))
    };
    let copying = sqlx::query(COPY).bind(copy_name).execute(&mut connection);
    // The thread of SQLite notices that it has to stop.
    let copied = watched(copying, options.until, STOPPING, look).await;
    let closed = connection.close().await;
    match copied? {
        Ok(_) => closed.map_err(unfit),
        Err(_) if Instant::now() >= until => Err(BackupError::late()),
        Err(error) => Err(unfit(error)),
    }
}

/// Opens files that nobody else has open, without writing beside them.
pub async fn open_at_rest(file: &Path) -> Result<SqliteConnection, OpenError> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    options.connect().await.map_err(|error| OpenError::of_sqlite(file, &error))
}

/// Checks files that nobody else has open, and counts their contents.
pub async fn check(database: &Path, audit: &Path, until: Instant) -> Result<Facts, BackupError> {
    let mut connections = Vec::new();
    for file in [database, audit] {
        if !has_content(file) {
            continue;
        }
        let mut connection = open_at_rest(file).await?;
        let unfit = |error: sqlx::Error| OpenError::of_sqlite(file, &error);
        match first_fault(&mut connection, INTEGRITY_CHECK, until).await.map_err(unfit)? {
            None => return Err(BackupError::late()),
            Some(found) if found == "ok" => connections.push(connection),
            Some(fault) => {
                return Err(OpenError::Corrupt { file: file.to_owned(), fault }.into());
            }
        }
    }
    let mut connections = connections.iter_mut();
    let Some(of_database) = connections.next() else {
        let file = database.to_owned();
        return Err(OpenError::NotADatabase { file }.into());
    };
    in_time(until, Facts::of_sqlite(of_database, connections.next())).await?
}
