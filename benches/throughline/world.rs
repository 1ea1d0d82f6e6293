//! A world of customers with 20 entries each, behind a server.

use std::{
    io::Write as _,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use throughline::{
    api::{
        budget::BudgetLimits,
        caller::{Actor, Callers},
        connection::{Admission, ConnectionLimits},
        origin::Origins,
        traffic::TrafficBounds,
        validate::{self, Rules},
        watch::WatchBounds,
    },
    clock::Clock,
    metrics::Metrics,
    pb,
    server::{self, AuditSettings, Settings, health::Readiness, listener},
    store::Store,
};
use tokio::{sync::oneshot, task::JoinHandle};
use uuid::Uuid;

pub const ENTRIES: u32 = 20;
const CONNECTIONS: u32 = 8;
/// The most concurrent callers.
const MAX_CONNECTIONS: usize = 16_384;
const BATCH: usize = 1000;
const SENTENCES: [&str; 5] = [
    "The customer says that the screen stays dark after the update and wants to know what to do.",
    "De klant vraagt waar de bestelling blijft; de bezorger kwam twee keer niet opdagen.",
    "Kunden ringte om kjøleskapet som ikke holder temperaturen og vil ha en reparasjon.",
    "Kunden spørger om fakturaen for oktober, som er kommet to gange, og beder om en kredit.",
    "A refund for the second pair was promised by Friday; the first pair is kept.",
];

/// A database with a server in front of it.
pub struct World {
    pub name: &'static str,

    pub customers: u32,
    pub address: SocketAddr,
    /// Entries recorded per second while the world was filled.
    pub import_rate: f64,
    /// The server's metrics.
    pub metrics: Arc<Metrics>,
    served: Served,
}

/// A server over a store.
pub struct Served {
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<anyhow::Result<()>>,
}

/// The id of the n-th customer, from 1: computed so that pgbench can compute it too.
pub fn customer_id(n: u32) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0000 | u128::from(n))
}

/// The n-th entry of a customer.
pub fn entry(customer: u32, n: u32) -> pb::RecordEntryRequest {
    let seed = customer.wrapping_mul(31).wrapping_add(n);
    let text = SENTENCES[(seed % 5) as usize];
    pb::RecordEntryRequest {
        customer_id: customer_id(customer).to_string(),
        entry: Some(pb::Entry {
            occurred_at: Some(prost_types::Timestamp {
                seconds: 1_700_000_000 + i64::from(n) * 86_400 + i64::from(customer % 86_400),
                nanos: 0,
            }),
            channel: (1 + i32::try_from(seed % 9).unwrap_or(0)),
            source: "bench".to_owned(),
            source_ref: format!("{customer}-{n}"),
            agent: format!("agent {}", seed % 50),
            content: Some(pb::entry::Content::Interaction(pb::Interaction {
                direction: pb::Direction::Inbound.into(),
                text: format!("{text} Ticket {seed}."),
                ..Default::default()
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}

pub fn rules() -> Rules {
    Rules::new(Clock::System)
}

impl World {
    /// Fills a new database, as an import does, round by round: the entries of a customer are not
    /// adjacent, as in reality.
    pub async fn fill(
        name: &'static str,
        url: &str,
        customers: u32,
        _seed: u32,
    ) -> anyhow::Result<Self> {
        let store = Store::open(url, CONNECTIONS, Clock::System).await?;
        make_customers(url, customers).await?;
        let rules = rules();
        let started = Instant::now();
        let mut told = Instant::now();
        let total = u64::from(customers) * u64::from(ENTRIES);
        let (send, mut batches) = tokio::sync::mpsc::channel(2);
        // One thread validates and encodes while the previous batch is written, as an import does.
        let maker = std::thread::spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            for n in 0..ENTRIES {
                for customer in 1..=customers {
                    batch.push(validate::record(entry(customer, n), &rules, &Actor::local())?);
                    if batch.len() == BATCH {
                        let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                        send.blocking_send(full)?;
                    }
                }
            }
            send.blocking_send(batch)?;
            anyhow::Ok(())
        });
        let mut done = 0;
        while let Some(batch) = batches.recv().await {
            let count = batch.len() as u64;
            for recorded in store.record_each(batch).await? {
                recorded?;
            }
            done += count;
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                let rate = done as f64 / started.elapsed().as_secs_f64();
                eprintln!("{name}: {done} of {total} entries, {rate:.0}/s");
            }
        }
        maker.join().map_err(|_| anyhow::anyhow!("the maker of entries failed"))??;
        let import_rate = total as f64 / started.elapsed().as_secs_f64();
        analyze(url).await?;

        let metrics = Arc::clone(store.metrics());
        let served =
            Served::start(store, Settings { matching: Some(Vec::new()), ..settings() }).await?;
        std::io::stderr().flush()?;
        Ok(Self { name, customers, address: served.address, import_rate, metrics, served })
    }

    pub async fn close(self) {
        self.served.close().await;
    }
}

/// The settings of a server with an audit log, and without comparing customers.
pub fn settings() -> Settings {
    Settings {
        default_deadline: Duration::from_secs(10),
        max_deadline: Duration::from_secs(60),
        max_calls: 4096,
        max_calls_per_caller: 4096,
        max_concurrent_streams: 256,
        shutdown_grace: Duration::from_secs(5),
        traffic: TrafficBounds {
            bytes: BudgetLimits { all: 64 << 20, per_caller: 32 << 20, per_connection: 16 << 20 },
            receive_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(10),
        },
        watches: WatchBounds {
            heartbeat: Duration::from_secs(15),
            send_timeout: Duration::from_secs(10),
            max_watches: 4096,
            max_watches_per_caller: 4096,
        },
        rules: rules(),
        matching: None,
        promise_clock: true,
        check_clock: false,
        finish_erasures: false,
        retention: throughline::model::RetentionRules::default(),
        callers: Callers::default(),
        origins: Origins::default(),
        audit: Some(AuditSettings::default()),
        readiness: Readiness::default(),
    }
}

impl Served {
    pub async fn start(store: Store, settings: Settings) -> anyhow::Result<Self> {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let limits = ConnectionLimits::new(MAX_CONNECTIONS, MAX_CONNECTIONS);
        let limits = listener::fit_descriptors(limits, CONNECTIONS);
        let admission = Admission::new(limits, store.metrics().connections.clone());
        let (address, incoming) = listener::bind(any_port, admission, None).await?;
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(server::run(incoming, store, settings, async {
            let _ = stopped.await;
        }));
        Ok(Self { address, stop, server })
    }

    pub async fn close(self) {
        let _ = self.stop.send(());
        let _ = self.server.await;
    }
}

/// The rows of the customers, with ids that a script can compute.
async fn make_customers(url: &str, customers: u32) -> anyhow::Result<()> {
    use sqlx::Connection as _;
    if let Some(file) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await?;
        sqlx::query(
            "with recursive n (n) as (select 1 union all select n + 1 from n where n < $1) \
             insert into customers (id, person_id, revision, created_at, profile, postcode_key, \
             house_number_key) select \
             unhex('00000000000070008000' || printf('%012x', n)), \
             unhex('00000000000070008000' || printf('%012x', n)), 0, 0, '{}', '', '' from n",
        )
        .bind(customers)
        .execute(&mut db)
        .await?;
    } else {
        let mut db = sqlx::PgConnection::connect(url).await?;
        sqlx::query(
            "insert into customers (id, person_id, revision, created_at, profile, postcode_key, \
             house_number_key) select \
             cast('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') as uuid), \
             cast('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0') as uuid), \
             0, 0, '{}', '', '' from generate_series(1, $1) as n",
        )
        .bind(i32::try_from(customers)?)
        .execute(&mut db)
        .await?;
    }
    Ok(())
}

/// The row of another customer.
pub async fn make_customer(url: &str, id: Uuid) -> anyhow::Result<()> {
    use sqlx::Connection as _;
    let text = "insert into customers (id, person_id, revision, created_at, profile, \
        postcode_key, house_number_key) values ($1, $1, 0, 0, '{}', '', '')";
    if let Some(file) = url.strip_prefix("sqlite:") {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await?;
        sqlx::query(text).bind(id).execute(&mut db).await?;
    } else {
        let mut db = sqlx::PgConnection::connect(url).await?;
        sqlx::query(text).bind(id).execute(&mut db).await?;
    }
    Ok(())
}

/// What autovacuum does eventually on a longer-lived server.
pub async fn analyze(url: &str) -> anyhow::Result<()> {
    use sqlx::Connection as _;
    if url.starts_with("postgres") {
        let mut db = sqlx::PgConnection::connect(url).await?;
        sqlx::raw_sql("vacuum analyze").execute(&mut db).await?;
        sqlx::raw_sql("checkpoint").execute(&mut db).await?;
    }
    Ok(())
}
