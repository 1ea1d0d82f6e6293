//! The files of a database with the program itself: after a crash, and when they are missing.

use std::fs;

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::process::{printed, refused, serve_on, throughline};
use crate::support::TempFolder;

const DATABASE: &str = "--database=sqlite:t.db";

/// Records entries of as many customers, each in a transaction of its own.
fn import(folder: &TempFolder, name: &str, count: usize) {
    let line = |number: usize| {
        format!(
            r#"{{"entry": {{"identifiers": [{{"kind": "IDENTIFIER_KIND_ACCOUNT", "value": "{name}-{number}"}}],
            "entry": {{"occurred_at": "2026-01-02T10:00:00Z", "channel": "CHANNEL_PHONE", "source": "{name}",
            "source_ref": "{number}", "note": {{"text": "{name} {number} {}"}}}}}}}}"#,
            "lorem ipsum ".repeat(20)
        )
        .replace('\n', " ")
    };
    let lines: Vec<String> = (0..count).map(line).collect();
    fs::write(folder.path().join("in.ndjson"), lines.join("\n")).unwrap();
    printed(folder, &["import", DATABASE, "in.ndjson", "--batch", "1"]);
}

async fn sqlite(folder: &TempFolder, sql: &'static str) {
    let url = format!("sqlite:{}", folder.path().join("t.db").display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

/// The steps that the page on restoring used to describe, after a crash.
#[tokio::test]
async fn a_backup_copied_over_a_crashed_database_is_not_served_with_its_log() {
    let folder = TempFolder::new();
    let file = |name: &str| folder.path().join(name);
    let (mut server, ..) = serve_on(&folder, DATABASE, &[]);
    import(&folder, "before", 50);
    sqlite(&folder, "pragma wal_checkpoint(restart)").await;
    fs::copy(file("t.db"), file("backup.db")).unwrap();
    import(&folder, "after", 50);
    sqlite(&folder, "pragma wal_checkpoint(restart)").await;
    import(&folder, "last", 3);
    server.kill();
    assert!(fs::metadata(file("t.db-wal")).unwrap().len() > 0, "the crash left a log");

    // It is served as it was left.
    let (mut server, ..) = serve_on(&folder, DATABASE, &[]);
    server.kill();

    let backup = fs::read(file("backup.db")).unwrap();
    fs::write(file("t.db"), &backup).unwrap();
    for command in [&["serve", DATABASE, "--listen", "127.0.0.1:0"][..], &["search", DATABASE, "x"]]
    {
        let said = refused(&folder, command);
        assert!(said.starts_with("1: throughline: the database sqlite:t.db cannot be"), "{said}");
        assert!(said.contains("t.db-wal does not belong to"), "{said}");
        assert!(said.contains("docs/operating.md"), "{said}");
    }
    assert_eq!(fs::read(file("t.db")).unwrap(), backup, "nothing was played into it");

    // As the message says.
    fs::remove_file(file("t.db-wal")).unwrap();
    fs::remove_file(file("t.db-shm")).unwrap();
    let found = printed(&folder, &["search", DATABASE, "lorem", "--limit", "100"]);
    assert!(found.contains("50 entries"), "{found}");
}

#[test]
fn a_database_that_is_gone_is_not_made_anew() {
    let folder = TempFolder::new();
    let file = |name: &str| folder.path().join(name);
    printed(&folder, &["demo", "--no-serve", DATABASE]);
    fs::remove_file(file("t.db")).unwrap();
    let serve = ["serve", DATABASE, "--listen", "127.0.0.1:0"];
    let said = refused(&folder, &serve);
    let why = "1: throughline: the database sqlite:t.db cannot be opened: t.db is missing or empty, \
        but there was a database: t.db-audit. Is the volume mounted";
    assert!(said.starts_with(why), "{said}");
    assert!(said.ends_with("--create creates a new, empty database all the same"), "{said}");
    assert!(!file("t.db").exists());

    // Files elsewhere say so as well.
    fs::remove_file(file("t.db-audit")).unwrap();
    fs::write(file("throughline.erasures"), "{}\n").unwrap();
    assert!(refused(&folder, &serve).contains("there was a database: throughline.erasures. "));
    fs::write(file("throughline.erasures"), "").unwrap();
    fs::write(file("seals"), "1\n").unwrap();
    let with_seals = [&serve[..], &["--audit-seals", "seals"]].concat();
    assert!(refused(&folder, &with_seals).contains("there was a database: seals. "));

    // The controls: if requested, and without a trace.
    printed(&folder, &["migrate", DATABASE, "--create"]);
    fs::remove_file(file("t.db")).unwrap();
    fs::remove_file(file("t.db-audit")).unwrap();
    printed(&folder, &["migrate", DATABASE]);
}

#[test]
fn the_demo_needs_no_word_for_its_own_database() {
    let folder = TempFolder::new();
    let ledger = folder.path().join("throughline.erasures");
    fs::write(&ledger, "what another database has erased\n").unwrap();
    printed(&folder, &["demo", "--no-serve"]);
    let output = throughline(&folder, &["demo", "--no-serve", DATABASE]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "the control: one that is named");
}
