//! The files of a database: lost, emptied, or swapped.

mod ids;
mod log;
mod missing;
mod replaced;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sqlx::{Connection as _, SqliteConnection};
use throughline::{
    api::{caller::Actor, validate},
    clock::Clock,
    error::Error,
    model::AuditEntry,
    store::{OpenError, Opening, Store},
};

use super::timeline::{RULES, note};
use crate::support::TempFolder;

/// The files of a database that was not closed.
const LEFT: [&str; 4] = ["t.db", "t.db-wal", "t.db-audit", "t.db-audit-wal"];

fn url(folder: &TempFolder) -> String {
    format!("sqlite:{}", path(folder, "t.db").display())
}

fn path(folder: &TempFolder, name: &str) -> PathBuf {
    folder.path().join(name)
}

async fn open(folder: &TempFolder) -> Store {
    try_open(folder, &Opening::default()).await.unwrap()
}

async fn try_open(folder: &TempFolder, opening: &Opening) -> Result<Store, OpenError> {
    Store::open_with(&url(folder), 2, Clock::System, opening).await
}

async fn refusal(folder: &TempFolder) -> OpenError {
    try_open(folder, &Opening::default()).await.map(drop).unwrap_err()
}

/// Records an entry of a separate customer.
async fn record(store: &Store, name: &str) {
    let call = note(name, name, 100, &format!("{name} {}", "lorem ipsum ".repeat(20)));
    let record = validate::record(call, &RULES, &Actor::local()).unwrap();
    store.record(vec![record]).await.unwrap();
}

async fn record_some(store: &Store, what: &str, count: usize) {
    for number in 0..count {
        record(store, &format!("{what}-{number}")).await;
    }
}

/// Adds an entry to the audit log.
async fn access(store: &Store) -> Result<(), Error> {
    let text = |text: &str| text.to_owned();
    let access = AuditEntry {
        at: 100,
        caller: text("test"),
        actor: text("test"),
        purpose: String::new(),
        call: text("GetBriefing"),
        data: text("content"),
        code: 0,
        customers: Vec::new(),
        case_id: None,
    };
    store.add_audit_entry(access).await
}

/// The files of an open database as a crash at this moment would leave them.
fn crashed(folder: &TempFolder) -> TempFolder {
    let image = TempFolder::new();
    for name in LEFT {
        fs::copy(path(folder, name), path(&image, name)).unwrap();
    }
    image
}

/// What SQLite itself finds in a file with the log next to it: its problems, and the entries.
async fn as_sqlite_has_it(file: &Path) -> (String, i64) {
    let url = format!("sqlite:{}", file.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let check = sqlx::query_scalar("pragma integrity_check(1)");
    let check = check.fetch_one(&mut connection).await.unwrap_or_else(|error| error.to_string());
    let entries = sqlx::query_scalar("select count(*) from entries");
    let entries = entries.fetch_one(&mut connection).await.unwrap_or(-1);
    connection.close().await.unwrap();
    (check, entries)
}
