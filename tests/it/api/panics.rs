//! A panic of ours: its call is answered, and the log has its location.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{Request, Response};
use throughline::{
    api::{
        caller::Callers,
        guard::{Bounds, GuardLayer},
        origin::Origins,
        traffic::Traffic,
    },
    clock::Clock,
    error::Error,
    incident,
    metrics::Metrics,
    pb::{GetEntryRequest, timeline_service_client::TimelineServiceClient},
};
use tokio::net::TcpListener;
use tonic::{
    Code, Status,
    body::Body,
    server::NamedService,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_types::StatusExt as _;
use tower::Service;
use uuid::Uuid;

use crate::support::{Log, NOW, settings};

/// The message of a panic may contain personal data.
const TEXT: &str = "anna.larsen@example.net";

/// Replaces the services.
#[derive(Clone)]
struct Panics;

impl NamedService for Panics {
    const NAME: &'static str = "throughline.v1.TimelineService";
}

impl Service<Request<Body>> for Panics {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        Box::pin(async { panic!("{TEXT}") })
    }
}

/// The log line of an incident.
fn line(log: &Log, incident: Uuid) -> String {
    let log = log.text();
    assert!(!log.contains(TEXT), "{log}");
    let incident = incident.to_string();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(&incident)).collect();
    assert_eq!(lines.len(), 1, "{log}");
    lines[0].to_owned()
}

fn incident_of(status: &Status) -> Uuid {
    assert_eq!((status.code(), status.message()), (Code::Internal, "internal error"));
    let details = status.get_error_details();
    let info = details.error_info().unwrap();
    assert_eq!(info.reason, "INTERNAL");
    info.metadata["incident"].parse().unwrap()
}

#[tokio::test]
async fn a_call_that_panics_is_answered_with_the_incident_that_the_log_tells_of() {
    let (log, _logging) = Log::of_this_thread();
    let bounds = Bounds {
        default_deadline: Duration::from_secs(60),
        max_deadline: Duration::from_secs(60),
        max_calls: 1,
        max_calls_per_caller: 1,
    };
    let clock = Clock::Fixed(NOW);
    let metrics = Arc::new(Metrics::new("sqlite", clock));
    let traffic = Traffic::new(settings(clock).traffic, &metrics.connections);
    let guard = GuardLayer::new(
        bounds,
        clock,
        Callers::default(),
        Origins::default(),
        traffic,
        None,
        metrics,
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Server::builder().layer(guard).add_service(Panics);
    let serving = tokio::spawn(router.serve_with_incoming(TcpIncoming::from(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = TimelineServiceClient::new(endpoint.connect().await.unwrap());
    let mut incidents = Vec::new();
    // The only permit is released each time.
    for _ in 0..3 {
        let status = client.get_entry(GetEntryRequest::default()).await.unwrap_err();
        assert!(!format!("{status:?}").contains(TEXT));
        let incident = incident_of(&status);
        assert!(line(&log, incident).contains("tests/it/api/panics.rs:"));
        // The line names the call.
        let id = status.metadata().get("x-request-id").unwrap().to_str().unwrap();
        assert!(line(&log, incident).contains(id));
        incidents.push(incident);
    }
    incidents.dedup();
    assert_eq!(incidents.len(), 3);
    serving.abort();
}

/// As writes are done.
#[tokio::test]
async fn a_task_that_panics_ends_its_call_in_the_same_way() {
    let (log, _logging) = Log::of_this_thread();
    let work = async { if TEXT.is_empty() { Ok(()) } else { panic!("{TEXT}") } };
    let error = incident::spawned(work).await.unwrap_err();
    let Error::Panicked(incident) = error.clone() else { panic!("{error:?}") };
    assert!(line(&log, incident).contains("tests/it/api/panics.rs:"));
    assert_eq!(incident_of(&error.into()), incident);
}
