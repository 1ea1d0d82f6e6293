//! The server: it takes connections and a shutdown signal, and composes services and layers in one
//! place, in their order.

mod executor;
pub mod health;
mod jobs;
pub mod listener;
pub mod operator;
mod refusals;
mod serving;
mod socket;
pub mod tls;

use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};
use tokio_stream::Stream;
use tonic::{codec::CompressionEncoding, service::Routes};
use tonic_web::GrpcWebLayer;
use tower::{ServiceBuilder, util::MapResponseLayer};

use crate::{
    api::{
        Api,
        caller::Callers,
        guard::{Bounds, GuardLayer},
        message::MAX_REQUEST_BYTES,
        origin::Origins,
        outgoing,
        traffic::{Traffic, TrafficBounds},
        validate::Rules,
        watch::{WatchBounds, Watches},
    },
    model::{MergeRule, RetentionRules},
    pb::{
        DESCRIPTORS,
        services::{
            case_service_server::CaseServiceServer, customer_service_server::CustomerServiceServer,
            privacy_service_server::PrivacyServiceServer,
            purchase_service_server::PurchaseServiceServer,
            timeline_service_server::TimelineServiceServer,
        },
    },
    store::Store,
};
use health::{Health, Readiness};
use jobs::Jobs;

pub use serving::Transport;

/// The largest request of reflection and health, in bytes: a name.
const MAX_NAME_BYTES: usize = 4 << 10;
/// The largest response, in bytes.
const MAX_RESPONSE_BYTES: usize = 8 << 20;
/// The settings of the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For a call without a deadline.
    pub default_deadline: Duration,
    /// The longest deadline.
    pub max_deadline: Duration,
    /// The most calls under way at once.
    pub max_calls: usize,
    /// The most calls of one authenticated caller under way at once.
    pub max_calls_per_caller: usize,
    /// The most calls of one connection under way at once.
    pub max_concurrent_streams: u32,
    /// How long calls under way may continue after a shutdown begins.
    pub shutdown_grace: Duration,
    /// Limits on the bytes of requests and responses under way, and on their duration.
    pub traffic: TrafficBounds,
    pub watches: WatchBounds,
    pub rules: Rules,
    /// The rules for automatic merges; the server also maintains merge suggestions. None: other
    /// servers do both.
    pub matching: Option<Vec<MergeRule>>,
    /// Whether to break overdue promises. If not, other servers do.
    pub promise_clock: bool,
    /// Whether to compare the clock with the database's.
    pub check_clock: bool,
    /// Whether to finish erasures. If not, other servers do.
    pub finish_erasures: bool,
    /// The retention rules to apply. Without rules, other servers do.
    pub retention: RetentionRules,
    pub callers: Callers,
    /// The origins whose pages may call.
    pub origins: Origins,
    /// The audit log. None: no audit log, which is for measuring its cost.
    pub audit: Option<AuditSettings>,
    /// Reports whether the server accepts calls.
    pub readiness: Readiness,
}

/// The settings of the audit log.
#[derive(Clone, Debug, Default)]
pub struct AuditSettings {
    /// A file that also gets the seals.
    pub seals: Option<PathBuf>,
}

/// A service with limits on message sizes. The services share no trait that has these methods.
macro_rules! bounded {
    ($service:expr) => {
        $service
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES)
    };
}

/// Serves connections until `shutdown`, lets the calls under way finish within the grace period,
/// and closes the store.
pub async fn run<T: Transport>(
    incoming: impl Stream<Item = io::Result<T>>,
    store: Store,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let health = Health::start(health, &store, settings.readiness.clone()).await;
    if settings.check_clock {
        check_clock(&store).await;
    }
    let mut jobs = Jobs::start(&store, &settings);

    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("the descriptors of the contract")?
        .max_decoding_message_size(MAX_NAME_BYTES);
    let health_service = health_service.max_decoding_message_size(MAX_NAME_BYTES);
    let (stop_watches, stopping) = watch::channel(false);
    let metrics = Arc::clone(store.metrics());
    let traffic = Traffic::new(settings.traffic, &metrics.connections);
    jobs.add(traffic.deliveries.clone().watch());
    let answers = traffic.deliveries.bytes().clone();
    let watches = Watches::new(settings.watches, answers, stopping, Arc::clone(&metrics));
    let rules = Rules { skew: Some(store.skew().clone()), ..settings.rules.clone() };
    let api = Api::new(store.clone(), rules, watches);
    let audit_store = settings.audit.as_ref().map(|_| store.clone());
    let bounds = Bounds {
        default_deadline: settings.default_deadline,
        max_deadline: settings.max_deadline,
        max_calls: settings.max_calls,
        max_calls_per_caller: settings.max_calls_per_caller,
    };

    let routes = Routes::new(bounded!(CustomerServiceServer::new(api.clone())))
        .add_service(bounded!(TimelineServiceServer::new(api.clone())))
        .add_service(bounded!(CaseServiceServer::new(api.clone())))
        .add_service(bounded!(PurchaseServiceServer::new(api.clone())))
        .add_service(bounded!(PrivacyServiceServer::new(api)))
        .add_service(health_service)
        .add_service(reflection)
        .prepare();
    let (clock, callers, origins) = (settings.rules.clock, settings.callers, settings.origins);
    let cors = origins.cors();
    let guard = GuardLayer::new(bounds, clock, callers, origins, traffic, audit_store, metrics);
    // From the outside in: refuse calls over the limits, hold a response's memory until it is
    // written, answer a browser's preflight requests, translate its calls to gRPC, then
    // authenticate and authorise.
    let service = ServiceBuilder::new()
        .layer(guard.shedding(settings.max_concurrent_streams))
        .layer(MapResponseLayer::new(outgoing::send))
        .layer(cors)
        .layer(GrpcWebLayer::new())
        .layer(guard)
        .service(routes);

    let (stop, stopped) = oneshot::channel::<()>();
    let http = serving::http(settings.max_concurrent_streams);
    let serving = serving::serve(incoming, http, service, async {
        // An error means that the sender is gone, which is a shutdown too.
        let _ = stopped.await;
    });
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        () = &mut serving => {}
        () = shutdown => {
            jobs.end();
            health.end().await;
            drop(stop);
            // Watches end with a message, and the token to continue elsewhere.
            stop_watches.send_replace(true);
            // A stream that a client keeps open would keep the server running for ever.
            if timeout(settings.shutdown_grace, &mut serving).await.is_err() {
                tracing::warn!("calls were aborted at the end of the grace period");
            }
        }
    }
    jobs.end();
    if let Some(AuditSettings { seals }) = settings.audit
        && timeout(settings.shutdown_grace, store.seal_last_audit(seals)).await.is_err()
    {
        tracing::warn!("the audit log is not sealed: the next server seals it");
    }
    if timeout(settings.shutdown_grace, store.close()).await.is_err() {
        tracing::warn!("the database connections did not close in time");
    }
    Ok(())
}

/// Determines before the first call whether the clock can be trusted.
async fn check_clock(store: &Store) {
    for checked in [store.warn_of_future().await, store.check_clock().await] {
        if let Err(error) = checked {
            tracing::warn!(cause = error.cause(), "cannot compare the clock");
        }
    }
}
