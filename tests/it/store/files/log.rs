//! A write-ahead log after a crash, and a database file that was replaced.

use std::{fs, path::Path, time::Duration};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqliteConnection};
use throughline::store::{OpenError, Opening, Store};

use super::{access, as_sqlite_has_it, crashed, open, path, record_some, refusal, try_open, url};
use crate::support::TempFolder;

/// Copies the log into the file, so that the next write starts a new one.
const CHECKPOINT: &str = "pragma wal_checkpoint(restart)";

async fn sqlite(file: &Path, sql: &str) {
    let url = format!("sqlite:{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    connection.close().await.unwrap();
}

/// How an open database is copied.
#[derive(Clone, Copy, Debug)]
enum Copy {
    /// Only the file, after a checkpoint.
    File,
    /// By SQLite, which rewrites it.
    Into,
}

impl Copy {
    async fn make(self, folder: &TempFolder) -> Vec<u8> {
        let (file, copy) = (path(folder, "t.db"), path(folder, "copy.db"));
        match self {
            Self::File => {
                sqlite(&file, CHECKPOINT).await;
                fs::copy(&file, &copy).unwrap();
            }
            Self::Into => sqlite(&file, &format!("vacuum into '{}'", copy.display())).await,
        }
        let bytes = fs::read(&copy).unwrap();
        fs::remove_file(copy).unwrap();
        bytes
    }
}

/// A backup, and the files after a crash that followed more entries.
async fn crashed_after(copy: Copy) -> (TempFolder, Vec<u8>) {
    let folder = TempFolder::new();
    let store = open(&folder).await;
    record_some(&store, "before", 60).await;
    let backup = copy.make(&folder).await;
    record_some(&store, "after", 60).await;
    sqlite(&path(&folder, "t.db"), CHECKPOINT).await;
    record_some(&store, "last", 3).await;
    let image = crashed(&folder);
    store.close().await;
    (image, backup)
}

#[tokio::test]
async fn a_backup_is_not_served_with_the_log_of_the_file_that_it_replaced() {
    for copy in [Copy::File, Copy::Into] {
        let (image, backup) = crashed_after(copy).await;
        // As `cp` does it: into the existing file.
        fs::write(path(&image, "t.db"), &backup).unwrap();
        let error = refusal(&image).await;
        assert!(matches!(error, OpenError::OtherLog { .. }), "{copy:?}: {error:?}");
        assert_eq!(fs::read(path(&image, "t.db")).unwrap(), backup, "it is as it was");
        // The control: SQLite replays the log all the same.
        let control = TempFolder::new();
        for name in ["t.db", "t.db-wal"] {
            fs::copy(path(&image, name), path(&control, name)).unwrap();
        }
        let (check, entries) = as_sqlite_has_it(&path(&control, "t.db")).await;
        assert!(check != "ok" || entries != 60, "{copy:?}: {check}, {entries} entries");
        // Without the log, the backup is unchanged.
        fs::remove_file(path(&image, "t.db-wal")).unwrap();
        open(&image).await.close().await;
        assert_eq!(as_sqlite_has_it(&path(&image, "t.db")).await, ("ok".to_owned(), 60));
    }
}

#[tokio::test]
async fn the_audit_log_is_looked_at_as_well() {
    let folder = TempFolder::new();
    let audit = path(&folder, "t.db-audit");
    let store = open(&folder).await;
    record_some(&store, "some", 3).await;
    access(&store).await.unwrap();
    sqlite(&audit, CHECKPOINT).await;
    let earlier = fs::read(&audit).unwrap();
    access(&store).await.unwrap();
    sqlite(&audit, CHECKPOINT).await;
    access(&store).await.unwrap();
    let image = crashed(&folder);
    store.close().await;
    // The control: as it was left.
    let whole = crashed(&image);
    open(&whole).await.close().await;
    fs::write(path(&image, "t.db-audit"), earlier).unwrap();
    let OpenError::OtherLog { log, .. } = refusal(&image).await else { panic!("another fault") };
    assert!(log.ends_with("t.db-audit-wal"), "{log:?}");
}

/// The control: the files after a crash are served, however much of the log had been checkpointed.
#[tokio::test]
async fn a_log_is_played_that_belongs_to_its_file() {
    let folder = TempFolder::new();
    let store = open(&folder).await;
    let mut entries = 0;
    for checkpoint in ["passive", "full", "restart", "truncate"] {
        for _ in 0..2 {
            record_some(&store, checkpoint, 3).await;
            entries = served_after_a_crash(&folder, entries).await;
            sqlite(&path(&folder, "t.db"), &format!("pragma wal_checkpoint({checkpoint})")).await;
            entries = served_after_a_crash(&folder, entries).await;
        }
    }
    store.close().await;
}

async fn served_after_a_crash(folder: &TempFolder, at_least: i64) -> i64 {
    let image = crashed(folder);
    open(&image).await.close().await;
    let (check, entries) = as_sqlite_has_it(&path(&image, "t.db")).await;
    assert_eq!(check, "ok");
    assert!(entries >= at_least, "{entries} of {at_least}");
    entries
}

/// An uncommitted part of a log is not replayed, and says nothing about its file.
#[tokio::test]
async fn a_torn_log_belongs_to_its_file() {
    let folder = TempFolder::new();
    let store = open(&folder).await;
    record_some(&store, "some", 4).await;
    let image = crashed(&folder);
    store.close().await;
    let log = fs::read(path(&image, "t.db-wal")).unwrap();
    let file = fs::read(path(&image, "t.db")).unwrap();
    for length in (0..log.len()).step_by(1021) {
        let torn = TempFolder::new();
        fs::write(path(&torn, "t.db"), &file).unwrap();
        fs::write(path(&torn, "t.db-wal"), &log[..length]).unwrap();
        let store = Store::open(&url(&torn), 1, throughline::clock::Clock::System).await;
        store.unwrap().close().await;
    }
}

/// The limits of the check after a crash.
#[tokio::test]
async fn a_check_is_as_long_as_it_may_be() {
    let (image, _) = crashed_after(Copy::Into).await;
    let mut bytes = fs::read(path(&image, "t.db")).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 64].fill(0xff);
    for (limit, is_found) in [(30_000_000_000, true), (1, false), (0, false)] {
        let image = crashed(&image);
        fs::write(path(&image, "t.db"), &bytes).unwrap();
        let check_limit = Duration::from_nanos(limit);
        let opening = Opening { check_limit, ..Opening::default() };
        let opened = try_open(&image, &opening).await;
        let is_damage = matches!(&opened, Err(OpenError::Corrupt { .. }));
        assert_eq!(is_damage, is_found, "{limit}: {:?}", opened.err());
    }
}
