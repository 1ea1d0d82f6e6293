//! Health: whether the server accepts calls (readiness), and whether it runs at all (liveness).
//! Both are available over gRPC (`grpc.health.v1`) and HTTP ([`super::operator`]).

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    metrics::Metrics,
    pb::services::{
        case_service_server, customer_service_server, privacy_service_server,
        purchase_service_server, timeline_service_server,
    },
    store::Store,
};

/// How often the store is probed.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// The service name under which `grpc.health.v1` reports that the server runs, whatever the state
/// of the store. For whoever decides whether to restart it.
pub const LIVENESS: &str = "liveness";
/// The services with a readiness: the server as a whole, and each service.
pub const SERVICES: [&str; 6] = [
    "",
    customer_service_server::SERVICE_NAME,
    timeline_service_server::SERVICE_NAME,
    case_service_server::SERVICE_NAME,
    purchase_service_server::SERVICE_NAME,
    privacy_service_server::SERVICE_NAME,
];

/// Whether a server accepts calls. Copies share the state.
#[derive(Clone, Debug)]
pub struct Readiness(watch::Sender<State>);

/// The state of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The store has not been probed yet.
    Starting,
    Ready,
    /// The store does not work; the text says why.
    NotReady(String),
    /// The server accepts no more calls.
    Stopping,
}

impl Default for Readiness {
    fn default() -> Self {
        Self(watch::Sender::new(State::Starting))
    }
}

impl Readiness {
    pub fn state(&self) -> State {
        self.0.borrow().clone()
    }

    /// A receiver of changes.
    pub fn changes(&self) -> watch::Receiver<State> {
        self.0.subscribe()
    }

    /// Sets the state, and logs a change.
    fn set(&self, state: State) {
        let before = self.0.send_replace(state.clone());
        if before == state {
            return;
        }
        match (before, &state) {
            (_, State::NotReady(cause)) => tracing::error!(%cause, "not ready"),
            (State::NotReady(_), State::Ready) => tracing::info!("ready again"),
            _ => {}
        }
    }
}

/// The health of a running server.
pub(super) struct Health {
    reporter: HealthReporter,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    probing: JoinHandle<()>,
}

impl Health {
    /// Probes the store, and continues until [`Health::end`].
    pub(super) async fn start(
        reporter: HealthReporter,
        store: &Store,
        readiness: Readiness,
    ) -> Self {
        reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
        probe(store, &readiness, &reporter).await;
        let probing =
            tokio::spawn(keep_probing(store.clone(), readiness.clone(), reporter.clone()));
        Self { reporter, readiness, metrics: Arc::clone(store.metrics()), probing }
    }

    /// Reports that the server accepts no more calls.
    pub(super) async fn end(&self) {
        self.probing.abort();
        self.readiness.set(State::Stopping);
        self.metrics.store.ready.set(0);
        report(&self.reporter, ServingStatus::NotServing).await;
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.probing.abort();
    }
}

async fn keep_probing(store: Store, readiness: Readiness, reporter: HealthReporter) {
    let mut every = interval(PROBE_EVERY);
    // A slow probe is followed by a pause as well.
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    every.tick().await;
    loop {
        every.tick().await;
        probe(&store, &readiness, &reporter).await;
    }
}

async fn probe(store: &Store, readiness: &Readiness, reporter: &HealthReporter) {
    let (state, status) = match store.ready().await {
        Ok(()) => (State::Ready, ServingStatus::Serving),
        Err(cause) => (State::NotReady(cause.to_string()), ServingStatus::NotServing),
    };
    store.metrics().store.ready.set(i64::from(state == State::Ready));
    readiness.set(state);
    report(reporter, status).await;
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
