//! The server: connections and a shutdown come in, services and layers are put together here, in
//! one place and in their order.

pub mod health;
mod jobs;
pub mod listener;
pub mod operator;
mod socket;
pub mod tls;

use std::{future::Future, io, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{oneshot, watch},
    time::timeout,
};
use tokio_stream::Stream;
use tonic::{
    codec::CompressionEncoding,
    transport::server::{Connected, Server},
};
use tonic_web::GrpcWebLayer;

use crate::{
    api::{
        Api,
        caller::Callers,
        guard::{Bounds, GuardLayer},
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

/// The largest message that is taken, in bytes, as sent and when decompressed.
const MAX_REQUEST_BYTES: usize = 4 << 20;
/// The largest answer, in bytes.
const MAX_RESPONSE_BYTES: usize = 8 << 20;
/// All headers of a call together, in bytes.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// A frame of HTTP/2, in bytes. It bounds how many frames the headers of a call may come in too.
const MAX_FRAME_BYTES: u32 = 16 << 10;
/// How many calls of a connection may have been taken back before they were looked at; with one
/// more it is closed (CVE-2023-44487).
const MAX_PENDING_RESETS: usize = 20;
/// How many calls of a connection may have been ended for faults of its client; with one more it is
/// closed (CVE-2025-8671).
const MAX_ERROR_RESETS: usize = 128;
/// How much of a call, and of a connection, may be on its way and unread, in bytes.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;
/// A connection that has been silent so long is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);
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
    pub watches: WatchBounds,
    pub rules: Rules,
    /// Keeps merge suggestions up, and merges by these rules. None: leaves that to others.
    pub matching: Option<Vec<MergeRule>>,
    /// Breaks promises when their time has passed. False: leaves that to others.
    pub promise_clock: bool,
    /// Finishes erasures. False: leaves that to others.
    pub finish_erasures: bool,
    /// Removes what is older than these rules keep. Without rules it leaves that to others.
    pub retention: RetentionRules,
    pub callers: Callers,
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
            .send_compressed(CompressionEncoding::Gzip)
            .max_decoding_message_size(MAX_REQUEST_BYTES)
            .max_encoding_message_size(MAX_RESPONSE_BYTES)
    };
}

/// Serves connections until `shutdown`, lets the calls under way finish within the grace, and
/// closes the store.
pub async fn run<S, IO>(
    incoming: S,
    store: Store,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()>
where
    S: Stream<Item = io::Result<IO>>,
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    let (health, health_service) = tonic_health::server::health_reporter();
    let health = Health::start(health, &store, settings.readiness.clone()).await;
    let jobs = Jobs::start(&store, &settings);

    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("the descriptors of the contract")?;
    let (stop_watches, stopping) = watch::channel(false);
    let watches = Watches::new(settings.watches, stopping);
    let api = Api::new(store.clone(), settings.rules.clone(), watches);
    let accesses = settings.accesses.as_ref().map(|_| store.clone());
    let metrics = Arc::clone(store.metrics());
    let bounds = Bounds {
        default_deadline: settings.default_deadline,
        max_deadline: settings.max_deadline,
        max_calls: settings.max_calls,
        max_calls_per_caller: settings.max_calls_per_caller,
    };

    // From the outside in: a browser's call becomes a gRPC call, then it is guarded.
    let router = Server::builder()
        .accept_http1(true)
        .max_concurrent_streams(settings.max_concurrent_streams)
        .http2_max_header_list_size(MAX_HEADER_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_PENDING_RESETS))
        .http2_max_local_error_reset_streams(Some(MAX_ERROR_RESETS))
        .http2_keepalive_interval(Some(KEEPALIVE))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_adaptive_window(Some(false))
        .layer(GrpcWebLayer::new())
        .layer(GuardLayer::new(bounds, settings.rules.clock, settings.callers, accesses, metrics))
        .add_service(bounded!(CustomerServiceServer::new(api.clone())))
        .add_service(bounded!(TimelineServiceServer::new(api.clone())))
        .add_service(bounded!(CaseServiceServer::new(api.clone())))
        .add_service(bounded!(PurchaseServiceServer::new(api.clone())))
        .add_service(bounded!(PrivacyServiceServer::new(api)))
        .add_service(health_service)
        .add_service(reflection);

    let (stop, stopped) = oneshot::channel::<()>();
    let serving = router.serve_with_incoming_shutdown(incoming, async {
        // An error means that the sender is gone, which is a shutdown too.
        let _ = stopped.await;
    });
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended.context("the listener"),
        () = shutdown => {
            jobs.end();
            health.end().await;
            drop(stop);
            // They end with a word of it, and the token to go on with elsewhere.
            stop_watches.send_replace(true);
            // A stream that a client keeps open would hold the server for ever.
            match timeout(settings.shutdown_grace, &mut serving).await {
                Ok(ended) => ended.context("the listener"),
                Err(_) => {
                    tracing::warn!("calls were cut off at the end of the shutdown's grace");
                    Ok(())
                }
            }
        }
    };
    jobs.end();
    if let Some(Accesses { seals }) = settings.accesses
        && timeout(settings.shutdown_grace, store.seal_last_accesses(seals)).await.is_err()
    {
        tracing::warn!("who looked is not sealed: the next server does so");
    }
    if timeout(settings.shutdown_grace, store.close()).await.is_err() {
        tracing::warn!("the database did not let go of its connections");
    }
    ended
}
