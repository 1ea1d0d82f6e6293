//! Readiness tells the truth: it names what is wrong, and recovers when that is gone. The former
//! ping, `select 1`, noticed none of these faults.

use std::{fs::File, os::unix::fs::FileExt as _, time::Duration};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use throughline::{
    clock::Clock,
    server::{
        Settings,
        health::{LIVENESS, Readiness, State},
        operator::{self, Operator},
    },
    store::Store,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    calls::{account, by, list, note},
    support::{Database, NOW, Server, on_both, settings, wire},
};

/// What takes longer never happens.
const NEVER: Duration = Duration::from_secs(30);

/// A server whose health is checked over gRPC and HTTP.
struct Asked {
    server: Server,
    health: HealthClient<tonic::transport::Channel>,
    readiness: Readiness,
    operators: operator::Listener,
}

impl Asked {
    async fn start(database: &Database) -> Self {
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let readiness = Readiness::default();
        let settings = Settings { readiness: readiness.clone(), ..settings(Clock::Fixed(NOW)) };
        let operator = Operator { store: store.clone(), readiness: readiness.clone() };
        let operators = operator::listen("127.0.0.1:0".parse().unwrap(), operator).await.unwrap();
        let server = Server::start_over(store, settings).await;
        let health = HealthClient::new(server.channel().await);
        let mut asked = Self { server, health, readiness, operators };
        asked.until_ready().await;
        asked
    }

    async fn get(&self, path: &str) -> (u16, String) {
        wire::get(self.operators.address, path).await
    }

    async fn status(&mut self, service: &str) -> ServingStatus {
        let request = HealthCheckRequest { service: service.to_owned() };
        self.health.check(request).await.unwrap().into_inner().status()
    }

    async fn until_ready(&mut self) {
        self.until("ready", |state| *state == State::Ready).await;
        assert_eq!(self.status("").await, ServingStatus::Serving);
        assert_eq!(self.get("/readyz").await, (200, "ready\n".to_owned()));
    }

    /// Waits until the server is not ready for a cause that contains these words. It stays alive.
    async fn until_not_ready(&mut self, words: &str) {
        let is_cause =
            |state: &State| matches!(state, State::NotReady(cause) if cause.contains(words));
        self.until(words, is_cause).await;
        for service in ["", "throughline.v1.TimelineService"] {
            assert_eq!(self.status(service).await, ServingStatus::NotServing);
        }
        let (status, text) = self.get("/readyz").await;
        assert_eq!(status, 503);
        assert!(text.starts_with("not ready: ") && text.contains(words), "{text}");
        assert_eq!(self.status(LIVENESS).await, ServingStatus::Serving);
        assert_eq!(self.get("/healthz").await, (200, "alive\n".to_owned()));
    }

    async fn until(&mut self, wanted: &str, is_wanted: impl Fn(&State) -> bool) {
        let mut changes = self.readiness.changes();
        let seen = timeout(NEVER, changes.wait_for(is_wanted)).await;
        let seen = seen.unwrap_or_else(|_| panic!("{wanted}: {:?}", self.readiness.state()));
        seen.unwrap();
    }

    async fn stop(self) {
        self.server.stop().await;
    }
}

/// The old ping, over a connection of its own to an SQLite file.
async fn select_1(connection: &mut SqliteConnection) {
    let one: i32 = sqlx::query_scalar("select 1").fetch_one(connection).await.unwrap();
    assert_eq!(one, 1);
}

/// A table that refuses rows because of a trigger: as if the disk were full.
const BLOCK: &str = "create trigger block before insert on heartbeats \
    begin select raise(fail, 'no room'); end";

#[tokio::test]
async fn a_store_that_takes_no_writes_is_not_ready() {
    on_both(async |database| {
        let mut asked = Asked::start(database).await;
        if database.url.starts_with("sqlite:") {
            for (url, name) in files(database) {
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                connection.execute(BLOCK).await.unwrap();
                asked.until_not_ready(name).await;
                select_1(&mut connection).await;
                connection.execute("drop trigger block").await.unwrap();
                asked.until_ready().await;
            }
        } else {
            let mut admin = PgConnection::connect(&database.url).await.unwrap();
            let (before, _) = database.url.split_once('?').unwrap();
            let name = before.rsplit_once('/').unwrap().1;
            // Holds for the connections that come after it.
            let set =
                |to| format!("alter database {name} set default_transaction_read_only = {to}");
            let cut = "select pg_terminate_backend(pid) from pg_stat_activity \
                where datname = current_database() and pid <> pg_backend_pid()";
            admin.execute(AssertSqlSafe(set("on"))).await.unwrap();
            admin.execute(cut).await.unwrap();
            asked.until_not_ready("database: database error 25006").await;
            let mut other = PgConnection::connect(&database.url).await.unwrap();
            other.execute("select 1").await.unwrap();
            admin.execute(AssertSqlSafe(set("off"))).await.unwrap();
            admin.execute(cut).await.unwrap();
            asked.until_ready().await;
        }
        asked.server.recorded(by(vec![account("anna")], note("x"))).await;
        asked.stop().await;
    })
    .await;
}

/// The two files of SQLite, and their names in readiness.
fn files(database: &Database) -> [(String, &'static str); 2] {
    [(database.url.clone(), "database: "), (database.audit_url(), "audit log: ")]
}

#[tokio::test]
async fn a_store_that_answers_too_late_is_not_ready() {
    let database = Database::sqlite();
    let mut asked = Asked::start(&database).await;
    for (url, name) in files(&database) {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        connection.execute("begin immediate").await.unwrap();
        asked.until_not_ready(&format!("{name}no write and read within 5 s")).await;
        connection.execute("rollback").await.unwrap();
        asked.until_ready().await;
    }
    asked.stop().await;
}

/// Requests that are unfinished or malformed block nobody.
#[tokio::test]
async fn whoever_holds_connections_keeps_no_probe_out() {
    let database = Database::sqlite();
    let asked = Asked::start(&database).await;
    let mut held = Vec::new();
    for _ in 0..200 {
        let mut socket = TcpStream::connect(asked.operators.address).await.unwrap();
        // One that was cut off already tells so here.
        let _ = socket.write_all(b"GET /healthz HTTP/1.1\r\n").await;
        held.push(socket);
        assert_eq!(asked.get("/healthz").await, (200, "alive\n".to_owned()));
    }
    // The first ones are gone.
    let mut answer = Vec::new();
    let end = timeout(NEVER, held[0].read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty(), "{end:?}");
    asked.stop().await;
}

#[tokio::test]
async fn only_what_there_is_can_be_asked() {
    let database = Database::sqlite();
    let asked = Asked::start(&database).await;
    assert_eq!(asked.get("/").await.0, 404);
    let (status, text) = asked.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("throughline_build_info{version="), "{text}");
    let mut socket = TcpStream::connect(asked.operators.address).await.unwrap();
    let endless = [b"GET /".as_slice(), &[b'x'; 64 << 10]].concat();
    let _ = socket.write_all(&endless).await;
    let mut answer = Vec::new();
    let _ = timeout(NEVER, socket.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    asked.stop().await;
}

/// Overwrites a part of a file, and returns what was there.
fn overwrite(url: &str, bytes: &[u8], at: u64) -> Vec<u8> {
    let path = url.trim_start_matches("sqlite:");
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut before = vec![0; bytes.len()];
    file.read_exact_at(&mut before, at).unwrap();
    file.write_all_at(bytes, at).unwrap();
    before
}

#[tokio::test]
async fn a_damaged_file_is_not_ready_until_it_is_whole() {
    let database = Database::sqlite();
    let mut asked = Asked::start(&database).await;
    let recorded = asked.server.recorded(by(vec![account("anna")], note("x"))).await;
    let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
    let root = "select (rootpage - 1) * (select page_size from pragma_page_size()) \
        from sqlite_schema where name = 'entries'";
    let entries: i64 = sqlx::query_scalar(root).fetch_one(&mut connection).await.unwrap();
    // Nothing of them is in the log.
    connection.execute("pragma wal_checkpoint(truncate)").await.unwrap();

    // A page that no heartbeat touches: only a call does.
    let at = u64::try_from(entries).unwrap();
    let before = overwrite(&database.url, &[0xff; 64], at);
    let read = asked.server.timeline.list_timeline(list(&recorded.customer_id)).await;
    assert_eq!(read.unwrap_err().code(), Code::DataLoss);
    asked.until_not_ready("database: database error 11").await;
    select_1(&mut connection).await;
    overwrite(&database.url, &before, at);
    asked.until_ready().await;
    assert_eq!(asked.server.timeline_of(&recorded.customer_id).await.len(), 1);
    asked.stop().await;
}
