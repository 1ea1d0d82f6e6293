//! A database and its audit log have a common id.

use std::fs;

use throughline::store::OpenError;

use super::{open, path, record, refusal};
use crate::support::TempFolder;

async fn used() -> TempFolder {
    let folder = TempFolder::new();
    let store = open(&folder).await;
    record(&store, "anna").await;
    store.close().await;
    folder
}

#[tokio::test]
async fn the_audit_log_of_another_database_is_refused() {
    let (one, other) = (used().await, used().await);
    fs::copy(path(&other, "t.db-audit"), path(&one, "t.db-audit")).unwrap();
    let error = refusal(&one).await;
    assert!(matches!(error, OpenError::OtherAudit { .. }), "{error:?}");
    // In the other direction too.
    let other_file = fs::read(path(&other, "t.db")).unwrap();
    fs::write(path(&one, "t.db"), other_file).unwrap();
    open(&one).await.close().await;
}

#[tokio::test]
async fn an_older_state_of_the_same_database_is_taken() {
    let folder = used().await;
    let before = fs::read(path(&folder, "t.db")).unwrap();
    let store = open(&folder).await;
    let id = store.id();
    record(&store, "bert").await;
    store.close().await;
    fs::write(path(&folder, "t.db"), before).unwrap();
    let store = open(&folder).await;
    assert_eq!(store.id(), id);
    store.close().await;
}

#[tokio::test]
async fn a_database_of_an_older_version_takes_the_id_of_its_audit_log() {
    use sqlx::{Connection as _, Executor as _, SqliteConnection};
    let folder = used().await;
    let id = open(&folder).await;
    let (id, ()) = (id.id(), id.close().await);
    let url = super::url(&folder);
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute("delete from settings where name = 'database_id'").await.unwrap();
    connection.close().await.unwrap();
    let store = open(&folder).await;
    assert_eq!(store.id(), id);
    store.close().await;
}
