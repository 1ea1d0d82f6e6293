//! How much a caller, and a kind of work, may have under way; number 114.

use std::future::Future;

use throughline::{
    clock::Clock,
    pb::{self, get_reask_rate_request::Of},
    server::Settings,
};
use tokio::task::JoinSet;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    blocked::BlockedWrites,
    calls::{Refusal, account, at, by, note, refusal},
    identity::with_token,
    live::watch,
    support::{DESK_TOKEN, NOW, SHOP_TOKEN, Server, on_both, settings},
};

pub const NUMBERS: &[u16] = &[114];

/// A read that is not audited, and therefore waits for no write.
fn counts() -> pb::GetReaskRateRequest {
    let (from, before) = (Some(at(0)), Some(at(1)));
    pb::GetReaskRateRequest { of: Some(Of::Everybody(true)), from, before }
}

fn refused(reason: &str) -> Refusal {
    Refusal::new(Code::ResourceExhausted, reason, [])
}

/// Makes concurrent calls of which some never end, until the others are refused; returns the
/// errors.
async fn refusals<T: std::fmt::Debug + Send + 'static>(
    under_way: &mut JoinSet<Result<Response<T>, Status>>,
    calls: usize,
    of: usize,
    call: impl Fn() -> Box<dyn Future<Output = Result<Response<T>, Status>> + Send + Unpin>,
) -> Vec<Refusal> {
    (0..of).for_each(|_| drop(under_way.spawn(call())));
    let mut found = Vec::new();
    while found.len() < of - calls {
        let answer = under_way.join_next().await.unwrap().unwrap();
        let details = answer.as_ref().unwrap_err().get_error_details();
        assert!(details.retry_info().is_some());
        found.push(refusal(answer));
    }
    found
}

#[tokio::test]
async fn reads_are_served_while_writes_wait_and_writes_while_bulk_waits() {
    on_both(async |database| {
        let settings = Settings { max_calls: 4, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        server.identified(vec![account("anna")]).await;
        let blocked = BlockedWrites::of(database).await;
        let (mut bulk, mut writes) = (JoinSet::new(), JoinSet::new());
        let record = || by(vec![account("anna")], note("x"));
        let shed = refusals(&mut bulk, 1, 3, || {
            let mut client = server.timeline.clone();
            let call = pb::BatchRecordEntriesRequest { requests: vec![record()] };
            Box::new(Box::pin(async move { client.batch_record_entries(call).await }))
        });
        assert_eq!(shed.await, vec![refused("OVERLOADED"); 2]);
        let shed = refusals(&mut writes, 2, 4, || {
            let (mut client, call) = (server.timeline.clone(), record());
            Box::new(Box::pin(async move { client.record_entry(call).await }))
        });
        assert_eq!(shed.await, vec![refused("OVERLOADED"); 2]);
        for _ in 0..10 {
            server.cases.clone().get_reask_rate(counts()).await.unwrap();
        }
        blocked.release().await;
        assert!(bulk.join_next().await.unwrap().unwrap().is_ok());
        assert!(writes.join_all().await.iter().all(Result::is_ok));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_has_its_share_leaves_the_others_theirs() {
    on_both(async |database| {
        let settings = Settings { max_calls_per_caller: 2, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        server.identified(vec![account("anna")]).await;
        let blocked = BlockedWrites::of(database).await;
        let mut writes = JoinSet::new();
        let shed = refusals(&mut writes, 2, 5, || {
            let mut client = server.timeline.clone();
            let call = with_token(SHOP_TOKEN, by(vec![account("anna")], note("x")));
            Box::new(Box::pin(async move { client.record_entry(call).await }))
        });
        assert_eq!(shed.await, vec![refused("TOO_MANY_CALLS_OF_CALLER"); 3]);
        let mut cases = server.cases.clone();
        let shops = cases.get_reask_rate(with_token(SHOP_TOKEN, counts())).await;
        assert_eq!(refusal(shops), refused("TOO_MANY_CALLS_OF_CALLER"));
        cases.get_reask_rate(with_token(DESK_TOKEN, counts())).await.unwrap();
        // All callers without a token together may use everything.
        let mut locals = JoinSet::new();
        let none = refusals(&mut locals, 5, 5, || {
            let mut client = server.timeline.clone();
            let call = by(vec![account("anna")], note("x"));
            Box::new(Box::pin(async move { client.record_entry(call).await }))
        });
        assert_eq!(none.await, []);
        cases.get_reask_rate(counts()).await.unwrap();
        let request = Request::new(HealthCheckRequest { service: String::new() });
        HealthClient::new(server.channel().await).check(request).await.unwrap();
        blocked.release().await;
        assert!(writes.join_all().await.iter().all(Result::is_ok));
        assert!(locals.join_all().await.iter().all(Result::is_ok));
        cases.get_reask_rate(with_token(SHOP_TOKEN, counts())).await.unwrap();
        server.stop().await;
    })
    .await;
}

/// However many connections there are, one more stream of a caller is refused.
#[tokio::test]
async fn number_114_one_stream_more_of_a_caller_is_refused() {
    on_both(async |database| {
        let mut settings = settings(Clock::Fixed(NOW));
        settings.watches.max_watches_per_caller = 10;
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut client = server.timeline.clone();
        let mut streams = Vec::new();
        for _ in 0..10 {
            let call = with_token(SHOP_TOKEN, watch(&anna.id));
            streams.push(client.watch_timeline(call).await.unwrap());
        }
        let again = client.watch_timeline(with_token(SHOP_TOKEN, watch(&anna.id))).await;
        let status = again.as_ref().unwrap_err().get_error_details();
        assert!(status.retry_info().is_some());
        assert_eq!(refusal(again), refused("TOO_MANY_WATCHES_OF_CALLER"));
        for call in [with_token(DESK_TOKEN, watch(&anna.id)), Request::new(watch(&anna.id))] {
            streams.push(client.watch_timeline(call).await.unwrap());
        }
        drop(streams);
        // Its places are free once the server has seen that it is gone.
        while client.watch_timeline(with_token(SHOP_TOKEN, watch(&anna.id))).await.is_err() {}
        server.stop().await;
    })
    .await;
}
