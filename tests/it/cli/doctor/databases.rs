//! Problems of a database, of both kinds.

use std::{fs, os::unix::fs::FileExt as _};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use super::{DEMO, Report, world};
use crate::{
    cli::process::{printed, serve},
    support::{Database, TempFolder, on_both},
};

/// Runs a statement on a database.
async fn execute(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("sqlite:") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    }
}

#[tokio::test]
async fn tables_are_to_be_those_of_this_version() {
    on_both(async |database| {
        let folder = TempFolder::new();
        let report = |folder| Report::of(folder, &["--database", &database.url]);
        if database.name == "PostgreSQL" {
            report(&folder).assert_is("note", "tables", "there are none yet");
        }
        printed(&folder, &["migrate", "--database", &database.url]);
        report(&folder).assert_is("ok", "tables", "up to date");

        // A newer version migrated it, and this one can work with that.
        let newer = "insert into _sqlx_migrations (version, description, success, checksum, \
                     execution_time) select 9000, 'newer', true, checksum, 0 \
                     from _sqlx_migrations where version = 1";
        execute(&database.url, newer).await;
        report(&folder).assert_is("note", "tables", "a newer version has added migration 9000");
        let needed = match database.name {
            "SQLite" => {
                "update settings set value = x'0000000000002328' where name = 'oldest_program'"
            }
            _ => "update settings set value = '\\x0000000000002328' where name = 'oldest_program'",
        };
        execute(&database.url, needed).await;
        let found = report(&folder);
        found.assert_is("failure", "tables", "they need migration 9000");
        assert_eq!(found.code, 1);

        let failed = "update _sqlx_migrations set success = false where version = 9000";
        execute(&database.url, failed).await;
        report(&folder).assert_is("failure", "tables", "migration 9000 was begun and not done");
        let changed = "update _sqlx_migrations set checksum = (select checksum from \
                       _sqlx_migrations where version = 1) where version = 2";
        execute(&database.url, changed).await;
        report(&folder).assert_is("failure", "tables", "migration 2 was another one when it ran");
        execute(&database.url, "delete from _sqlx_migrations where version = 3").await;
        report(&folder).assert_is("note", "tables", "migration 3 is not done yet");
    })
    .await;
}

#[tokio::test]
async fn a_clock_that_has_gone_back_is_found() {
    on_both(async |database| {
        let folder = TempFolder::new();
        let of = ["--database", &database.url];
        printed(&folder, &[&["migrate"], &of[..]].concat());
        // The search is sealed in the audit log.
        printed(&folder, &[&["search", "television"], &of[..]].concat());
        let found = Report::of(&folder, &of);
        found.assert_none("clock", "seal");
        if database.name == "PostgreSQL" {
            found.assert_is("ok", "clock", "of the database's");
        }
        let later = "update audit_seals set sealed_at = sealed_at + 7200000000";
        execute(&database.audit_url(), later).await;
        Report::of(&folder, &of).assert_is("failure", "clock", "is of a time 1 h from now");
    })
    .await;
}

#[test]
fn a_damaged_page_is_found() {
    let folder = world();
    let path = folder.path().join("demo.db");
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    // The second half of the pages, each overwritten in its middle.
    let file = fs::File::options().write(true).open(&path).unwrap();
    for page in pages / 2..pages {
        file.write_all_at(&[0xff; 64], page * 4096 + 8).unwrap();
    }
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("failure", "pages", "demo.db is damaged");
    assert_eq!(report.code, 1);

    fs::write(&path, "this is no database, and as long as one should be at the least").unwrap();
    Report::of(&folder, &[DEMO]).assert_is("failure", "pages", "it is no file of SQLite");
}

#[test]
fn pages_that_take_too_long_are_told() {
    let report = Report::of(&world(), &[DEMO, "--page-check-seconds", "0"]);
    assert_eq!(report.code, 0, "{}", report.text);
    assert_eq!(report.verdicts("pages", "were checked in time"), ["note", "note"]);
}

#[test]
fn a_database_that_is_lost_is_told() {
    let folder = world();
    fs::remove_file(folder.path().join("demo.db")).unwrap();
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("failure", "database", "there was a database");
    assert_eq!(report.code, 1);
    Report::of(&folder, &[DEMO, "--create"]).assert_is("note", "database", "no file demo.db yet");
}

#[test]
fn files_that_are_not_of_one_another_are_told() {
    let (folder, other) = (world(), world());
    let path = |folder: &TempFolder, name: &str| folder.path().join(name);
    fs::copy(path(&other, "demo.db-audit"), path(&folder, "demo.db-audit")).unwrap();
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("failure", "tables", "demo.db-audit is the audit log of another database");

    // The log after a crash, next to another database.
    let (mut server, _address, _log) = serve(&other, &[]);
    server.kill();
    fs::copy(path(&other, "demo.db-wal"), path(&folder, "demo.db-wal")).unwrap();
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("failure", "database", "demo.db-wal does not belong to");
}

#[test]
fn an_audit_log_that_is_lost_is_told() {
    let folder = world();
    fs::remove_file(folder.path().join("demo.db-audit")).unwrap();
    let report = Report::of(&folder, &[DEMO]);
    report.assert_is("warning", "database", "demo.db-audit, is not there");
}

#[tokio::test]
async fn settings_that_lose_what_is_acknowledged_are_found() {
    let Some(database) = Database::postgres().await else { return };
    let folder = TempFolder::new();
    let of = ["--database", &database.url];
    Report::of(&folder, &of).assert_is("ok", "durability", "fsync on");
    let name = database.url.split(['/', '?']).nth(3).unwrap();
    execute(&database.url, &format!("alter database {name} set synchronous_commit = off")).await;
    let report = Report::of(&folder, &of);
    report.assert_is("warning", "durability", "synchronous_commit is off");
    report.assert_none("durability", "fsync on");
}

#[tokio::test]
async fn connections_are_counted() {
    let Some(database) = Database::postgres().await else { return };
    let folder = TempFolder::new();
    let report = |connections: &str| {
        let of = ["--database", &database.url, "--database-connections", connections];
        Report::of(&folder, &of)
    };
    report("8").assert_is("ok", "connections", "database_connections is 8; PostgreSQL allows");
    report("1000").assert_is("failure", "connections", "database_connections is 1000");
    let name = database.url.split(['/', '?']).nth(3).unwrap();
    execute(&database.url, &format!("alter database {name} connection limit 5")).await;
    report("8").assert_is("failure", "connections", "PostgreSQL allows 5");
}

#[test]
fn a_database_that_accepts_and_says_nothing_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://x@{}/x", silent.local_addr().unwrap());
    let report = Report::of(&TempFolder::new(), &["--database", &url]);
    report.assert_is("failure", "database", "timed out");
}
