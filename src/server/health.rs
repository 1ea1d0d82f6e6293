//! Health as callers ask for it (`grpc.health.v1`): whether the store answers, asked anew every few
//! seconds.

use std::time::Duration;

use tokio::{task::JoinHandle, time::timeout};
use tonic_health::{ServingStatus, server::HealthReporter};

use crate::{
    pb::services::{
        case_service_server, customer_service_server, privacy_service_server,
        purchase_service_server, timeline_service_server,
    },
    store::Store,
};

/// How often the store is asked, and how long it has to answer.
const PING_EVERY: Duration = Duration::from_secs(2);
/// What has a health of its own: the server as a whole, and each service.
const SERVICES: [&str; 6] = [
    "",
    customer_service_server::SERVICE_NAME,
    timeline_service_server::SERVICE_NAME,
    case_service_server::SERVICE_NAME,
    purchase_service_server::SERVICE_NAME,
    privacy_service_server::SERVICE_NAME,
];

/// The health of a running server.
pub(super) struct Health {
    reporter: HealthReporter,
    asking: JoinHandle<()>,
}

impl Health {
    /// Asks the store, and goes on asking until [`Health::end`].
    pub(super) async fn start(reporter: HealthReporter, store: &Store) -> Self {
        report(&reporter, store.ping().await.is_ok()).await;
        let asking = tokio::spawn(ask(store.clone(), reporter.clone()));
        Self { reporter, asking }
    }

    /// Says that the server takes no more calls.
    pub(super) async fn end(&self) {
        self.asking.abort();
        report(&self.reporter, false).await;
    }
}

impl Drop for Health {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

async fn ask(store: Store, reporter: HealthReporter) {
    let mut every = tokio::time::interval(PING_EVERY);
    loop {
        every.tick().await;
        let answers = timeout(PING_EVERY, store.ping()).await;
        report(&reporter, matches!(answers, Ok(Ok(())))).await;
    }
}

async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
