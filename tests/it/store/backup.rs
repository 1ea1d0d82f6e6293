//! The limits of a backup, and what a database records about one.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use throughline::{
    clock::Clock,
    store::{
        Store,
        backup::{BackedUp, BackupError, BackupOptions, back_up},
    },
};

use super::timeline::{RULES, note};
use crate::support::{Database, NOW, TempFolder, on_both, postgres::postgres};

/// Makes a backup with a time limit.
async fn backed_up(
    database: &Database,
    to: &Path,
    limit: Duration,
) -> Result<BackedUp, BackupError> {
    let programs: Option<PathBuf> = postgres().map(|cluster| cluster.program(""));
    let means = BackupOptions {
        clock: Clock::Fixed(NOW),
        ledger: None,
        programs: programs.as_deref(),
        until: Instant::now() + limit,
        progress: &|_| {},
    };
    back_up(&database.url, to, means).await
}

/// An open database with an entry.
async fn opened(database: &Database) -> Store {
    use throughline::api::{caller::Actor, validate};
    let store = Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap();
    let call = note("anna", "anna", 100, "a note");
    let record = validate::record(call, &RULES, &Actor::local()).unwrap();
    store.record(vec![record]).await.unwrap();
    store
}

#[tokio::test]
async fn a_backup_that_takes_too_long_leaves_nothing() {
    on_both(async |database| {
        let store = opened(database).await;
        let folder = TempFolder::new();
        let to = folder.path().join("backup");
        let error = backed_up(database, &to, Duration::ZERO).await.unwrap_err().to_string();
        assert!(error.contains("longer than it may") && error.contains("--time-limit"), "{error}");
        assert!(!to.exists());
        // The control, into the same folder.
        let made = backed_up(database, &to, Duration::from_secs(600)).await.unwrap();
        assert_eq!((made.manifest.facts.customers, made.manifest.facts.entries), (1, 1));
        assert_eq!(made.manifest.facts.database_id, Some(store.id()));
        assert_eq!((made.manifest.created_at, made.not_noted), (NOW, None));
        assert_eq!(made.manifest.ledger, None);
        store.close().await;
    })
    .await;
}
