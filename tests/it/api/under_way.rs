//! Calls under way: their deadlines, their number, and the effect of a shutdown.

use std::time::Duration;

use futures_util::FutureExt as _;
use prost::Message as _;
use throughline::{clock::Clock, server::Settings};
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    blocked::BlockedWrites,
    calls::{Refusal, account, by, list, note, refusal},
    support::{
        NOW, Server, on_both, settings,
        wire::{Answer, call, frame},
    },
};

const RECORD: &str = "/throughline.v1.TimelineService/RecordEntry";
const LIST: &str = "/throughline.v1.TimelineService/ListTimeline";

fn is_deadline_passed(answer: &Answer) -> bool {
    let status = answer.status();
    let details = status.get_error_details();
    let reason = details.error_info().map(|it| it.reason.as_str());
    status.code() == Code::DeadlineExceeded && reason == Some("DEADLINE_PASSED")
}

/// The deadline of the call, the maximum, and the default.
#[tokio::test]
async fn a_call_ends_at_its_deadline_and_its_retry_is_harmless() {
    let short = Duration::from_millis(100);
    let long = settings(Clock::Fixed(NOW));
    let capped = Settings { max_deadline: short, ..long.clone() };
    let default = Settings { default_deadline: short, ..long.clone() };
    let cases: [(Settings, &[(&str, &str)]); 3] =
        [(long, &[("grpc-timeout", "100m")]), (capped, &[("grpc-timeout", "1H")]), (default, &[])];
    on_both(async |database| {
        for (settings, headers) in &cases {
            let server = Server::start_with(database, settings.clone()).await;
            let blocked = BlockedWrites::of(database).await;
            let request = by(vec![account("anna")], note("x"));
            let body = frame(&request.encode_to_vec());
            let answer = call(server.address, RECORD, headers, body.clone()).await;
            assert!(is_deadline_passed(&answer), "{answer:?}");
            blocked.release().await;

            // Whether it took effect is not known; the retry has the only effect.
            let headers = [("grpc-timeout", "59S")];
            let again = call(server.address, RECORD, &headers, body).await;
            assert_eq!(again.status().code(), Code::Ok, "{again:?}");
            let customer = server.identified(vec![account("anna")]).await.customer.unwrap();
            let entries = server.timeline_of(&customer.id).await.into_iter();
            let source_ref = &request.entry.as_ref().unwrap().source_ref;
            assert_eq!(entries.filter(|it| it.source_ref == *source_ref).count(), 1);
            server.stop().await;
        }
    })
    .await;
}

/// Neither a refused nor an answered call waits longer for its row of the audit log.
#[tokio::test]
async fn a_call_whose_access_is_not_kept_in_time_ends_at_its_deadline() {
    let short = Duration::from_millis(100);
    let long = settings(Clock::Fixed(NOW));
    let default = Settings { default_deadline: short, ..long.clone() };
    let cases: [(Settings, &[(&str, &str)]); 2] =
        [(long, &[("grpc-timeout", "100m")]), (default, &[])];
    on_both(async |database| {
        for (settings, headers) in &cases {
            let server = Server::start_with(database, settings.clone()).await;
            let customer = server.identified(vec![account("anna")]).await.customer.unwrap();
            let read = frame(&list(&customer.id).encode_to_vec());
            let blocked = BlockedWrites::of_audit(database).await;
            for (path, body) in [(RECORD, frame(b"")), (LIST, read.clone())] {
                let answer = call(server.address, path, headers, body).await;
                assert!(is_deadline_passed(&answer), "{path}: {answer:?}");
            }
            blocked.release().await;

            let headers = [("grpc-timeout", "59S")];
            let again = call(server.address, LIST, &headers, read).await;
            assert_eq!(again.status().code(), Code::Ok, "{again:?}");
            server.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn one_call_more_than_the_server_can_hold_is_refused() {
    on_both(async |database| {
        let settings = Settings { max_calls: 1, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        let made = server.identified(vec![account("anna")]).await.customer.unwrap();
        let blocked = BlockedWrites::of(database).await;
        let mut first = Box::pin(server.recorded(by(vec![account("anna")], note("x"))));
        assert!((&mut first).now_or_never().is_none());

        let mut timeline = server.timeline.clone();
        // The first may still be on its way when the second arrives.
        let status = loop {
            match timeline.list_timeline(list(&made.id)).await {
                Ok(_) => tokio::task::yield_now().await,
                Err(status) => break status,
            }
        };
        assert!(status.get_error_details().retry_info().is_some());
        let overloaded = Refusal::new(Code::ResourceExhausted, "OVERLOADED", []);
        assert_eq!(refusal::<()>(Err(status)), overloaded);

        blocked.release().await;
        first.await;
        assert_eq!(server.timeline_of(&made.id).await.len(), 1);
        server.stop().await;
    })
    .await;
}

async fn watch(server: &Server) -> tonic::Streaming<tonic_health::pb::HealthCheckResponse> {
    let mut health = HealthClient::new(server.channel().await);
    let request = HealthCheckRequest { service: String::new() };
    health.watch(request).await.unwrap().into_inner()
}

/// A grace period that no shutdown may use up, and the time limit of a shutdown that does not.
const ENDLESS: Duration = Duration::from_secs(3600);
const AT_ONCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_shutdown_lets_calls_under_way_finish() {
    on_both(async |database| {
        let settings = Settings { shutdown_grace: ENDLESS, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        let made = server.identified(vec![account("anna")]).await.customer.unwrap();
        let mut watch = watch(&server).await;
        let first = watch.message().await.unwrap().unwrap();
        let blocked = BlockedWrites::of(database).await;
        let client = server.timeline.clone();
        let record = async {
            let call = by(vec![account("anna")], note("x"));
            client.clone().record_entry(call).await
        };
        let mut record = Box::pin(record);
        assert!((&mut record).now_or_never().is_none());
        // A later call on the same connection is answered without an audit entry: it has arrived.
        let counts = throughline::pb::GetReaskRateRequest {
            of: Some(throughline::pb::get_reask_rate_request::Of::Everybody(true)),
            from: Some(crate::calls::at(0)),
            before: Some(crate::calls::at(1)),
        };
        server.cases.clone().get_reask_rate(counts).await.unwrap();

        let address = server.address;
        let mut stop = Box::pin(server.stop());
        assert!((&mut stop).now_or_never().is_none());
        // Health reports that the shutdown has begun.
        let next = tokio::select! {
            next = watch.message() => next.unwrap().unwrap(),
            () = &mut stop => panic!("it did not wait"),
        };
        assert_ne!(next.status, first.status);
        drop(watch);
        assert!((&mut record).now_or_never().is_none());
        blocked.release().await;
        let both = async { tokio::join!(record, stop) };
        let (recorded, ()) = timeout(AT_ONCE, both).await.unwrap();
        let recorded = recorded.unwrap().into_inner();
        assert_eq!(recorded.customer_id, made.id);

        assert!(tokio::net::TcpStream::connect(address).await.is_err(), "it listens no more");
        let server = Server::start(database).await;
        assert_eq!(server.timeline_of(&made.id).await[0].id, recorded.entry_id);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_a_shutdown() {
    on_both(async |database| {
        let settings = Settings { shutdown_grace: ENDLESS, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        let idle = [server.connect().await, server.connect().await];
        server.identified(vec![account("anna")]).await;
        timeout(AT_ONCE, server.stop()).await.unwrap();
        drop(idle);
    })
    .await;
}

#[tokio::test]
async fn an_open_stream_holds_a_shutdown_no_longer_than_its_grace() {
    on_both(async |database| {
        let grace = Duration::from_millis(100);
        let settings = Settings { shutdown_grace: grace, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        let mut watch = watch(&server).await;
        watch.message().await.unwrap().unwrap();
        timeout(AT_ONCE, server.stop()).await.unwrap();
        drop(watch);
    })
    .await;
}

#[tokio::test]
async fn a_call_has_an_id_that_its_caller_may_choose() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let made = server.identified(vec![account("anna")]).await.customer.unwrap();
        let mut timeline = server.timeline.clone();
        let mut ask = async |id: Option<&str>, customer_id: &str| {
            let mut request = tonic::Request::new(list(customer_id));
            if let Some(id) = id {
                request.metadata_mut().insert("x-request-id", id.parse().unwrap());
            }
            let metadata = match timeline.list_timeline(request).await {
                Ok(answer) => answer.metadata().clone(),
                Err(status) => status.metadata().clone(),
            };
            metadata.get("x-request-id").unwrap().to_str().unwrap().to_owned()
        };
        let unknown = "0190f3c4-7b1a-7cc0-8000-00000000beef";
        let longest = "x".repeat(64);
        for id in ["a", "call-17_b.2", longest.as_str()] {
            assert_eq!(ask(Some(id), &made.id).await, id);
            assert_eq!(ask(Some(id), unknown).await, id, "of an error");
            assert_eq!(ask(Some(id), "no uuid").await, id, "of an error");
        }
        // An id that could mislead a reader of the log is replaced.
        let long = "x".repeat(65);
        let mut ids = std::collections::BTreeSet::new();
        for id in [None, None, Some(""), Some("a b"), Some("a=1"), Some(long.as_str())] {
            let given = ask(id, &made.id).await;
            assert!(uuid::Uuid::try_parse(&given).is_ok(), "{given}");
            assert!(ids.insert(given));
        }
        server.stop().await;
    })
    .await;
}
