//! A missing or empty file is not a new database if something shows that there was one.

use std::fs;

use throughline::{
    clock::Clock,
    store::{OpenError, Opening, Store},
};

use super::{open, path, record, refusal, try_open, url};
use crate::support::{Database, TempFolder};

/// A database that was used and closed.
async fn used() -> TempFolder {
    let folder = TempFolder::new();
    let store = open(&folder).await;
    record(&store, "anna").await;
    store.close().await;
    folder
}

fn traces(error: &OpenError) -> Vec<String> {
    let OpenError::Lost { traces, .. } = error else { panic!("{error:?}") };
    traces.iter().map(|it| it.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[tokio::test]
async fn a_file_that_is_gone_is_not_made_anew() {
    let folder = used().await;
    fs::remove_file(path(&folder, "t.db")).unwrap();
    assert_eq!(traces(&refusal(&folder).await), ["t.db-audit"]);
    assert!(!path(&folder, "t.db").exists(), "nothing was made");
    // Once more: the attempt itself leaves nothing that a later one takes for a database.
    assert_eq!(traces(&refusal(&folder).await), ["t.db-audit"]);
    fs::rename(path(&folder, "t.db-audit"), path(&folder, "away")).unwrap();
    open(&folder).await.close().await;
}

#[tokio::test]
async fn a_file_that_is_emptied_is_not_made_anew() {
    let folder = used().await;
    for content in [Vec::new(), empty_database().await] {
        fs::write(path(&folder, "t.db"), &content).unwrap();
        assert_eq!(traces(&refusal(&folder).await), ["t.db-audit"]);
        assert_eq!(fs::read(path(&folder, "t.db")).unwrap(), content, "it is as it was");
    }
}

/// A file without tables, as other programs create one.
async fn empty_database() -> Vec<u8> {
    use sqlx::{Connection as _, Executor as _, SqliteConnection};
    let folder = TempFolder::new();
    fs::write(path(&folder, "t.db"), "").unwrap();
    let mut connection = SqliteConnection::connect(&url(&folder)).await.unwrap();
    connection.execute("pragma journal_mode = wal; vacuum").await.unwrap();
    connection.close().await.unwrap();
    fs::read(path(&folder, "t.db")).unwrap()
}

#[tokio::test]
async fn each_trace_counts() {
    for name in ["t.db-audit", "t.db-wal", "t.db-shm", "erasures", "seals"] {
        let folder = TempFolder::new();
        fs::write(path(&folder, name), "something").unwrap();
        let kept_outside = vec![path(&folder, "erasures"), path(&folder, "seals")];
        let opening = Opening { kept_outside, ..Opening::default() };
        let error = try_open(&folder, &opening).await.map(drop).unwrap_err();
        assert_eq!(traces(&error), [name]);
        // The control: a file without content says nothing.
        fs::write(path(&folder, name), "").unwrap();
        try_open(&folder, &opening).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_a_trace() {
    let (folder, volume) = (TempFolder::new(), TempFolder::new());
    std::os::unix::fs::symlink(path(&volume, "t.db"), path(&folder, "t.db")).unwrap();
    assert_eq!(traces(&refusal(&folder).await), ["t.db"]);
    assert!(!path(&volume, "t.db").exists());
    let create = Opening { create: true, ..Opening::default() };
    try_open(&folder, &create).await.unwrap().close().await;
    // Under its own name it is the old database.
    open(&volume).await.close().await;
    open(&folder).await.close().await;
}

#[tokio::test]
async fn it_is_made_anew_where_that_is_wanted() {
    let folder = used().await;
    fs::remove_file(path(&folder, "t.db")).unwrap();
    let create = Opening { create: true, ..Opening::default() };
    try_open(&folder, &create).await.unwrap().close().await;
    open(&folder).await.close().await;
}

/// A process that was killed while it created the database has left a part of it.
#[tokio::test]
async fn a_creation_that_was_cut_short_is_gone_on_with() {
    for made in [&["t.db"][..], &["t.db", "t.db-audit"], &["t.db-audit", "t.db-audit-wal"]] {
        let folder = TempFolder::new();
        fs::write(path(&folder, "t.db-lock"), "creating\n").unwrap();
        for name in made {
            fs::write(path(&folder, name), "").unwrap();
        }
        open(&folder).await.close().await;
        let folder = used().await;
        fs::write(path(&folder, "t.db-lock"), "creating\n").unwrap();
        fs::remove_file(path(&folder, "t.db")).unwrap();
        open(&folder).await.close().await;
        fs::remove_file(path(&folder, "t.db")).unwrap();
        assert_eq!(traces(&refusal(&folder).await), ["t.db-audit"], "it was done");
    }
}

#[tokio::test]
async fn what_others_have_open_is_not_made_anew() {
    for name in ["t.db", "t.db-audit"] {
        let folder = TempFolder::new();
        let store = open(&folder).await;
        fs::remove_file(path(&folder, name)).unwrap();
        let error = refusal(&folder).await;
        assert!(matches!(error, OpenError::Gone { .. }), "{error:?}");
        store.close().await;
    }
}

#[tokio::test]
async fn many_may_make_it_at_once() {
    let folder = TempFolder::new();
    let opened = futures_util::future::join_all((0..8).map(|_| open(&folder))).await;
    let ids: std::collections::BTreeSet<_> = opened.iter().map(|store| store.id()).collect();
    assert_eq!(ids.len(), 1);
    for store in opened {
        store.close().await;
    }
}

#[tokio::test]
async fn a_database_of_postgresql_without_tables_may_be_the_wrong_one() {
    let Some(database) = Database::postgres().await else { return };
    let folder = TempFolder::new();
    let opening = Opening { kept_outside: vec![path(&folder, "erasures")], ..Opening::default() };
    let open = async |opening: &Opening| {
        let opened = Store::open_with(&database.url, 2, Clock::System, opening).await;
        opened.map(async |store| store.close().await)
    };
    fs::write(path(&folder, "erasures"), "something").unwrap();
    assert_eq!(traces(&open(&opening).await.map(drop).unwrap_err()), ["erasures"]);
    open(&Opening { create: true, ..opening.clone() }).await.unwrap().await;
    open(&opening).await.unwrap().await;
}
