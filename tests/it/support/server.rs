use std::{io, net::SocketAddr, time::Duration};

use throughline::{
    api::{
        budget::BudgetLimits,
        caller::{Actors, Caller, Callers, Registered, Scope},
        connection::{Admission, ConnectionLimits},
        origin::Origins,
        traffic::TrafficBounds,
        validate::Rules,
        watch::WatchBounds,
    },
    clock::Clock,
    metrics::ConnectionMetrics,
    model::{IdentifierKind, Micros, RetentionRules},
    pb::{
        Purpose, Role, case_service_client::CaseServiceClient,
        customer_service_client::CustomerServiceClient,
        privacy_service_client::PrivacyServiceClient,
        purchase_service_client::PurchaseServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
    server::{self, AuditSettings, Settings, health::Readiness, listener},
    store::Store,
};
use tokio::{sync::oneshot, task::JoinHandle};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};

use super::{Database, Services, canary};

/// The time of every server that [`Server::start`] starts: 2026-03-14T12:00:00Z, a Saturday.
pub const NOW: Micros = 1_773_489_600_000_000;

/// The token of the caller "shop", which may verify everything.
pub const SHOP_TOKEN: &str = "the-token-of-the-shop";

/// The token of the caller "desk", which may verify only loyalty cards.
pub const DESK_TOKEN: &str = "the-token-of-the-desk";

/// The number of database connections of a server.
const CONNECTIONS: u32 = 8;

/// The connection limits of a server in tests that do not depend on them.
pub const CONNECTION_LIMITS: ConnectionLimits =
    ConnectionLimits { authenticated: 1024, per_caller: 512, unauthenticated: 64 };

/// The largest message that a test client accepts, in bytes.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// The real server on a separate port, and its clients.
pub struct Server {
    pub address: SocketAddr,
    pub customers: CustomerServiceClient<Services>,
    pub timeline: TimelineServiceClient<Services>,
    pub cases: CaseServiceClient<Services>,
    pub purchases: PurchaseServiceClient<Services>,
    pub privacy: PrivacyServiceClient<Services>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<anyhow::Result<()>>,
}

/// The settings of a server in tests that do not depend on them.
pub fn settings(clock: Clock) -> Settings {
    Settings {
        default_deadline: Duration::from_secs(60),
        max_deadline: Duration::from_secs(120),
        max_calls: 1024,
        max_calls_per_caller: 512,
        max_concurrent_streams: 256,
        shutdown_grace: Duration::from_secs(5),
        traffic: TrafficBounds {
            bytes: BudgetLimits { all: 64 << 20, per_caller: 32 << 20, per_connection: 16 << 20 },
            receive_timeout: Duration::from_secs(60),
            send_timeout: Duration::from_secs(60),
        },
        watches: WatchBounds {
            heartbeat: Duration::from_secs(60),
            send_timeout: Duration::from_secs(60),
            max_watches: 1024,
            max_watches_per_caller: 512,
        },
        rules: Rules::new(clock),
        callers: callers(),
        origins: Origins::default(),
        // Only tests that need it enable it: side effects would disturb the others.
        matching: None,
        promise_clock: true,
        check_clock: false,
        finish_erasures: false,
        audit: Some(AuditSettings::default()),
        retention: RetentionRules::default(),
        readiness: Readiness::default(),
    }
}

/// The roles, each with the name of the caller that has only this one.
pub const ROLES: [(&str, Role); 5] = [
    ("recorder", Role::Recorder),
    ("reader", Role::Reader),
    ("agent", Role::Agent),
    ("supervisor", Role::Supervisor),
    ("privacy_officer", Role::PrivacyOfficer),
];

fn callers() -> Callers {
    let caller = |name: &'static str, token, verifies: &[IdentifierKind], verifies_profile| {
        let (verifies, roles) = (verifies.to_vec(), vec![Role::Agent, Role::Supervisor]);
        let caller = Caller {
            name: name.into(),
            roles,
            verifies,
            verifies_profile,
            purpose: Some(Purpose::Service),
            actors: Actors::Any,
            scope: Scope::ALL,
        };
        Registered::by_token(caller, token)
    };
    let mut all = vec![
        caller("shop", SHOP_TOKEN, &IdentifierKind::ALL, true),
        caller("desk", DESK_TOKEN, &[IdentifierKind::LoyaltyCard], false),
    ];
    // One of each role, whose token is the name of the role.
    for (name, role) in ROLES {
        let mut alone = caller(name, name, &[], false);
        alone.caller.roles = vec![role];
        if role == Role::PrivacyOfficer {
            alone.caller.purpose = Some(Purpose::Privacy);
        }
        all.push(alone);
    }
    Callers::new(all)
}

/// Listens on any port of this machine, without TLS.
pub async fn listen(
    limits: ConnectionLimits,
) -> (SocketAddr, ReceiverStream<io::Result<listener::Connection>>) {
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let admission = Admission::new(limits, ConnectionMetrics::default());
    listener::bind(any_port, admission, None).await.unwrap()
}

impl Server {
    /// Over a database, with a fixed clock at [`NOW`].
    pub async fn start(database: &Database) -> Self {
        Self::start_with(database, settings(Clock::Fixed(NOW))).await
    }

    /// Over a database, with other settings.
    pub async fn start_with(database: &Database, settings: Settings) -> Self {
        Self::start_at(&database.url, settings).await
    }

    /// Over the database of a URL.
    pub async fn start_at(url: &str, settings: Settings) -> Self {
        // Before the store logs anything.
        canary::start_log();
        let store = Store::open(url, CONNECTIONS, settings.rules.clock).await.unwrap();
        Self::start_over(store, settings).await
    }

    /// Over an open store.
    pub async fn start_over(store: Store, settings: Settings) -> Self {
        Self::start_within(store, settings, CONNECTION_LIMITS).await
    }

    /// Over an open store, with other connection limits.
    pub async fn start_within(store: Store, settings: Settings, limits: ConnectionLimits) -> Self {
        let (address, incoming) = listen(limits).await;
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server::run(incoming, store, settings, async {
            // A failed test drops the sender, which is a stop too.
            let _ = stopped.await;
        }));
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let channel = Services::new(channel.tcp_nodelay(true).connect().await.unwrap());
        Self {
            address,
            customers: CustomerServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            timeline: TimelineServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            cases: CaseServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            privacy: PrivacyServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            purchases: PurchaseServiceClient::new(channel)
                .max_decoding_message_size(MAX_ANSWER_BYTES),
            stop,
            running,
        }
    }

    /// Another connection to the server.
    pub async fn connect(&self) -> Services {
        Services::new(self.channel().await)
    }

    /// Another connection to the server, without scanning.
    pub async fn channel(&self) -> Channel {
        let channel = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        channel.tcp_nodelay(true).connect().await.unwrap()
    }

    /// Shuts the server down and waits until it has ended.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        self.running.await.unwrap().unwrap();
        canary::scan().assert_no_leak();
    }
}
