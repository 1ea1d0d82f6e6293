//! What a command reports if the database cannot be opened: the cause, and advice.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::process::{printed, refused};
use crate::support::{
    Database, TempFolder, on_both,
    postgres::{Cluster, postgres},
};

const LATE: Duration = Duration::from_secs(30);
const CHANGE: &str =
    "update _sqlx_migrations set checksum = checksum || checksum where version = 2";
const LEAVE_UNDONE: &str = "update _sqlx_migrations set success = false where version = 2";

fn migrate(url: &str) -> String {
    refused(&TempFolder::new(), &["migrate", "--database", url])
}

/// The URL with one of its parts replaced.
fn with(url: &str, from: &str, to: &str) -> String {
    assert!(url.contains(from), "{url}");
    url.replacen(from, to, 1)
}

async fn execute(url: &str, sql: String) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_first_start_of_postgresql_says_what_to_do() {
    let Some(cluster) = postgres() else { return };
    let url = cluster.new_database().await;
    let (_, name) = url.split_once(":///").unwrap();
    let (name, _) = name.split_once('?').unwrap();

    let missing = migrate(&with(&url, name, "not_there"));
    assert!(
        missing.starts_with("1: throughline: the database postgres:///not_there?"),
        "{missing}"
    );
    let advice = "there is no database not_there. Make it, as a superuser: createdb -O throughline \
                  not_there";
    assert!(missing.ends_with(advice), "{missing}");

    let stranger = migrate(&with(&url, "user=throughline", "user=stranger"));
    let advice = "PostgreSQL does not let the role stranger in. Is there such a role";
    assert!(stranger.contains(advice), "{stranger}");

    // PostgreSQL 15 lets nobody but the owner create in `public`.
    execute(&url, format!("create role guest_{name} login")).await;
    let guest = migrate(&with(&url, "user=throughline", &format!("user=guest_{name}")));
    assert!(guest.contains("the role may not create tables in the database. Make"), "{guest}");
    execute(&url, format!("alter database {name} owner to guest_{name}")).await;
    let advised = with(&url, "user=throughline", &format!("user=guest_{name}"));
    printed(&TempFolder::new(), &["migrate", "--database", &advised]);

    // Whoever owns a database may connect to it without being allowed to.
    execute(&url, format!("alter database {name} owner to throughline")).await;
    execute(&url, format!("revoke connect on database {name} from public, guest_{name}")).await;
    let revoked = migrate(&advised);
    let advice = format!(
        "the role guest_{name} may not connect to the database {name}. Allow it, as a superuser: \
         grant connect on database {name} to guest_{name}"
    );
    assert!(revoked.ends_with(&advice), "{revoked}");
    execute(&url, format!("grant connect on database {name} to guest_{name}")).await;
    execute(&url, format!("alter role guest_{name} connection limit 0")).await;
    let crowded = migrate(&advised);
    let advice = format!(
        "PostgreSQL has no connection left for the role guest_{name}. Lower database_connections"
    );
    assert!(crowded.contains(&advice), "{crowded}");

    let nobody = migrate("postgres://x@127.0.0.1:1/x?sslmode=disable");
    assert!(nobody.contains("PostgreSQL does not answer: "), "{nobody}");
    assert!(nobody.contains("Does it run, are host and port of the URL right"), "{nobody}");
}

/// A listener answers PostgreSQL's SSLRequest with one byte.
#[test]
fn a_server_without_tls_and_one_that_is_no_postgresql_say_what_to_do() {
    for (answer, said) in [
        (b"N", "there is no TLS with PostgreSQL: server does not support TLS. Is ssl on"),
        (b"H", "what answers does not speak as PostgreSQL does: unexpected response"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            socket.read_exact(&mut [0; 8]).unwrap();
            socket.write_all(answer).unwrap();
        });
        let refused = migrate(&format!("postgres://x@{address}/x?sslmode=require"));
        assert!(refused.contains(said), "{refused}");
        server.join().unwrap();
    }
    let unknown = migrate("postgres://x@127.0.0.1:1/x?sslmode=perhaps");
    assert!(unknown.contains("sslmode") || unknown.contains("ssl_mode"), "{unknown}");
    assert!(unknown.contains("postgres://USER:PASSWORD@HOST/DATABASE"), "{unknown}");
}

#[tokio::test]
async fn tables_of_other_files_are_left_alone() {
    on_both(async |database| {
        let folder = TempFolder::new();
        printed(&folder, &["migrate", "--database", &database.url]);
        for (sql, said) in [
            (CHANGE, "migration 2 of the tables has another text than this version has for it"),
            (LEAVE_UNDONE, "migration 2 of the tables was begun, and is not done"),
        ] {
            run(database, sql).await;
            let changed = migrate(&database.url);
            assert!(changed.contains(said), "{changed}");
        }
    })
    .await;
}

async fn run(database: &Database, sql: &'static str) {
    if database.url.starts_with("sqlite:") {
        let mut connection = database.connect_sqlite().await;
        connection.execute(sql).await.unwrap();
        connection.close().await.unwrap();
    } else {
        execute(&database.url, sql.to_owned()).await;
    }
}

/// Each of these settings would lose acknowledged writes when the machine fails.
#[tokio::test]
async fn a_postgresql_that_a_crash_may_damage_is_not_used() {
    let Some(cluster) = Cluster::another() else { return };
    let url = cluster.new_database().await;
    for setting in ["fsync", "full_page_writes"] {
        execute(&url, format!("alter system set {setting} = off")).await;
        execute(&url, "select pg_reload_conf()".to_owned()).await;
        until(&url, setting, "off").await;
        let refused = migrate(&url);
        let said = format!(
            "PostgreSQL runs with {setting} off: a crash loses what was acknowledged. Set it to on"
        );
        assert!(refused.contains(&said), "{refused}");
        execute(&url, format!("alter system reset {setting}")).await;
        execute(&url, "select pg_reload_conf()".to_owned()).await;
        until(&url, setting, "on").await;
    }
    printed(&TempFolder::new(), &["migrate", "--database", &url]);
}

/// Waits until new sessions have a setting.
async fn until(url: &str, setting: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let query = sqlx::query_scalar("select current_setting($1)").bind(setting);
        let is: String = query.fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        if is == wanted {
            return;
        }
        assert!(begun.elapsed() < LATE, "{setting} is {is}");
    }
}
