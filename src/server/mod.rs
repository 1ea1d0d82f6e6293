//! The server: connections and a shutdown come in, services and layers are put together here, in
//! one place and in their order.

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

/// The largest question of reflection, and of health, in bytes: a name.
const MAX_NAME_BYTES: usize = 4 << 10;
/// The largest answer, in bytes.
const MAX_RESPONSE_BYTES: usize = 8 << 20;
/// How the server behaves.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For a call that names no deadline.
    pub default_deadline: Duration,
    /// No call may take longer.
    pub max_deadline: Duration,
    /// How many calls may be under way at once.
    pub max_calls: usize,
    /// How many of them may be of one caller that shows who it is.
    pub max_calls_per_caller: usize,
    /// How many calls one connection may have under way at once.
    pub max_concurrent_streams: u32,
    /// How long calls under way may go on once the server shuts down.
    pub shutdown_grace: Duration,
    /// The bytes of requests and answers under way, and how long they may take.
    pub traffic: TrafficBounds,
    pub watches: WatchBounds,
    pub rules: Rules,
    /// Keeps merge suggestions up, and merges by these rules. None: leaves that to others.
    pub matching: Option<Vec<MergeRule>>,
    /// Breaks promises when their time has passed. False: leaves that to others.
    pub promise_clock: bool,
    /// Compares the clock with the database's. False: takes it as it is.
    pub check_clock: bool,
    /// Finishes erasures. False: leaves that to others.
    pub finish_erasures: bool,
    /// Removes what is older than these rules keep. Without rules it leaves that to others.
    pub retention: RetentionRules,
    pub callers: Callers,
    /// The origins whose pages may call.
    pub origins: Origins,
    /// Keeps who called. None: does not, which is for measuring what it costs.
    pub accesses: Option<Accesses>,
    /// Where the server says whether it takes calls.
    pub readiness: Readiness,
}

/// How it is kept who called.
#[derive(Clone, Debug, Default)]
pub struct Accesses {
    /// A file that the seals are written to as well.
    pub seals: Option<PathBuf>,
}

/// A service within the bounds of messages. The services share no trait that has these methods.
macro_rules! bounded {
    ($service:expr) => {
        $service
            .accept_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES)
    };
}

/// Serves connections until `shutdown`, lets the calls under way finish within the grace, and
/// closes the store.
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
    let accesses = settings.accesses.as_ref().map(|_| store.clone());
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
    let guard = GuardLayer::new(bounds, clock, callers, origins, traffic, accesses, metrics);
    // From the outside in: what there is no room for is refused, an answer holds what it holds
    // until it is written, a browser is told what its pages may do, its call becomes a gRPC call,
    // then it is guarded.
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
            // They end with a word of it, and the token to go on with elsewhere.
            stop_watches.send_replace(true);
            // A stream that a client keeps open would hold the server for ever.
            if timeout(settings.shutdown_grace, &mut serving).await.is_err() {
                tracing::warn!("calls were cut off at the end of the shutdown's grace");
            }
        }
    }
    jobs.end();
    if let Some(Accesses { seals }) = settings.accesses
        && timeout(settings.shutdown_grace, store.seal_last_accesses(seals)).await.is_err()
    {
        tracing::warn!("who looked is not sealed: the next server does so");
    }
    if timeout(settings.shutdown_grace, store.close()).await.is_err() {
        tracing::warn!("the database did not let go of its connections");
    }
    Ok(())
}

/// Knows before the first call whether the clock can be trusted.
async fn check_clock(store: &Store) {
    for checked in [store.warn_of_future().await, store.check_clock().await] {
        if let Err(error) = checked {
            tracing::warn!(cause = error.cause(), "the clock is not compared");
        }
    }
}
