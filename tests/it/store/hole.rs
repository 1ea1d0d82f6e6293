//! Connections to PostgreSQL that drop everything: because of a firewall that forgot them, or a
//! machine that vanished. There is no error, while new connections would work.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection as _, PgConnection};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    model::{EntryFilter, Order, RecordEntry},
    store::{PageRequest, Store},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    net::{TcpListener, UnixStream},
    time::timeout,
};
use uuid::Uuid;

use crate::{
    blocked::BlockedWrites,
    calls::{account, by, note},
    support::{Database, NOW},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));
/// A store without time limits would wait for longer.
const AT_LAST: Duration = Duration::from_secs(25);

/// A proxy in front of PostgreSQL.
struct Proxy {
    url: String,
    /// How often it has forgotten its connections.
    forgotten: Arc<AtomicU64>,
}

impl Proxy {
    async fn before(database: &Database) -> Self {
        let (name, options) = database.url.split_once("?host=").unwrap();
        let (folder, user) = options.split_once("&port=5432&").unwrap();
        let socket = PathBuf::from(folder).join(".s.PGSQL.5432");
        let name = name.trim_start_matches("postgres:///");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let forgotten = Arc::new(AtomicU64::new(0));
        let passes = Arc::clone(&forgotten);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let server = UnixStream::connect(&socket).await.unwrap();
                let (from_client, to_client) = split(client);
                let (from_server, to_server) = split(server);
                tokio::spawn(pass(from_client, to_server, Arc::clone(&passes)));
                tokio::spawn(pass(from_server, to_client, Arc::clone(&passes)));
            }
        });
        Self { url: format!("postgres://127.0.0.1:{port}/{name}?{user}"), forgotten }
    }

    /// Drops everything on the open connections, and keeps them open.
    fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }
}

/// Forwards data until the connection is forgotten.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    forgotten: Arc<AtomicU64>,
) {
    let mut bytes = vec![0; 16 << 10];
    let of = forgotten.load(Ordering::SeqCst);
    loop {
        let count = from.read(&mut bytes).await.unwrap_or(0);
        if forgotten.load(Ordering::SeqCst) != of {
            if count == 0 {
                // The other end is not notified either.
                std::future::pending::<()>().await;
            }
        } else if count == 0 || to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

fn entry(who: &str) -> RecordEntry {
    validate::record(by(vec![account(who)], note("x")), &RULES, &Actor::local()).unwrap()
}

/// Records an entry, retrying until it is acknowledged.
async fn insist(store: &Store, record: RecordEntry) -> Uuid {
    loop {
        if let Ok(mut recorded) = store.record(vec![record.clone()]).await {
            return recorded.remove(0).customer_id;
        }
    }
}

async fn list(store: &Store, customer: Uuid) -> usize {
    let filter = EntryFilter::default();
    let request = PageRequest { filter, order: Order::NewestFirst, after: None, limit: 100 };
    loop {
        if let Ok(page) = store.list_timeline(customer, &request).await {
            return page.entries.len();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_lead_nowhere_are_given_up() {
    let Some(database) = Database::postgres().await else { return };
    let proxy = Proxy::before(&database).await;
    let store = Store::open(&proxy.url, 8, RULES.clock).await.unwrap();
    let anna = insist(&store, entry("anna")).await;
    // The most connections.
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let store = store.clone();
        reads.spawn(async move { list(&store, anna).await });
    }
    reads.join_all().await;

    for round in 2..=3 {
        proxy.forget();
        let calls = async { tokio::join!(insist(&store, entry("anna")), list(&store, anna)) };
        timeout(AT_LAST, calls).await.expect("the store waits for what never comes");
        assert_eq!(list(&store, anna).await, round);
    }
    store.close().await;
}

/// The session at the other end holds the locks of its transaction, and is not notified either.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_of_a_lost_transaction_is_in_nobodys_way() {
    let Some(database) = Database::postgres().await else { return };
    let proxy = Proxy::before(&database).await;
    let store = Store::open(&proxy.url, 4, RULES.clock).await.unwrap();
    insist(&store, entry("anna")).await;
    let mut admin = PgConnection::connect(&database.url).await.unwrap();

    let blocked = BlockedWrites::to(&database.url, "entries").await;
    let lost = {
        let store = store.clone();
        tokio::spawn(async move { store.record(vec![entry("anna")]).await })
    };
    until(&mut admin, WAITS).await;
    proxy.forget();
    // It gets its lock, and has its customer locked.
    blocked.release().await;
    timeout(AT_LAST, insist(&store, entry("anna"))).await.expect("the customer stays locked");
    lost.await.unwrap().unwrap_err();
    store.close().await;
}

/// A slow statement is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_long_is_waited_for() {
    let Some(database) = Database::postgres().await else { return };
    let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
    insist(&store, entry("anna")).await;
    let mut admin = PgConnection::connect(&database.url).await.unwrap();

    let blocked = BlockedWrites::to(&database.url, "entries").await;
    let slow = {
        let store = store.clone();
        tokio::spawn(async move { store.record(vec![entry("anna")]).await })
    };
    until(&mut admin, WAITS_LONG).await;
    blocked.release().await;
    slow.await.unwrap().unwrap();
    store.close().await;
}

const WAITS: &str = "select exists (select from pg_stat_activity \
    where datname = current_database() and wait_event_type = 'Lock')";
/// For longer than the interval after which a silent connection is probed.
const WAITS_LONG: &str = "select exists (select from pg_stat_activity \
    where datname = current_database() and wait_event_type = 'Lock' \
    and query_start < clock_timestamp() - interval '4 seconds')";

/// Queries until it is true.
async fn until(admin: &mut PgConnection, sql: &'static str) {
    let asked = async {
        while !sqlx::query_scalar::<_, bool>(sql).fetch_one(&mut *admin).await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    timeout(AT_LAST, asked).await.expect("it never comes to that");
}
