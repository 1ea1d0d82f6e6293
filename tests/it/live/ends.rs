//! How a watch ends, and what a caller receives while nothing happens.

use std::time::Duration;

use throughline::{
    api::{
        caller::{Caller, Callers, Registered, Role},
        watch::WatchBounds,
    },
    clock::Clock,
    pb::{self, timeline_service_client::TimelineServiceClient, watch_timeline_response::Event},
    server::Settings,
};
use tokio::time::timeout;
use tonic::{Code, Request, transport::Endpoint};

use super::{Watching, assert_ended, ids, resume, watch, watch_all};
use crate::{
    calls::{Refusal, account, note, refusal, said, to},
    identity::with_token,
    support::{NOW, Server, Services, on_both, settings},
};

const ENDLESS: Duration = Duration::from_secs(3600);
const AT_ONCE: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(20);

fn with(change: impl FnOnce(&mut WatchBounds)) -> Settings {
    let mut settings = settings(Clock::Fixed(NOW));
    change(&mut settings.watches);
    settings
}

#[tokio::test]
async fn a_shutdown_ends_a_watch_with_its_token() {
    on_both(async |database| {
        let settings = Settings { shutdown_grace: ENDLESS, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut idle = server.watching(watch(&anna.id)).await;
        let mut watching = server.watching(watch_all(&anna.id)).await;
        let made = server.recorded(to(&anna.id, note("x"))).await;
        assert_eq!(watching.entry().await.id, made.entry_id);
        let (stopped, ended, idle_ended) =
            tokio::join!(timeout(AT_ONCE, server.stop()), watching.end(), idle.end());
        stopped.unwrap();
        assert_ended(&ended.1, Code::Unavailable, "SERVER_STOPPING", &watching.token);
        assert_ended(&idle_ended.1, Code::Unavailable, "SERVER_STOPPING", &idle.token);

        let server = Server::start(database).await;
        let made = server.recorded(to(&anna.id, note("y"))).await;
        let mut resumed = server.watching(resume(&anna.id, &watching.token)).await;
        assert_eq!(ids(&resumed.caught_up().await), [made.entry_id]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_when_its_token_is_taken_away_or_may_not_watch_any_more() {
    let caller = |name: &'static str, role| {
        let caller = Caller { name: name.into(), roles: vec![role], ..Caller::local() };
        Registered::by_token(caller, name)
    };
    on_both(async |database| {
        let callers = || [caller("one", Role::Reader), caller("two", Role::Reader)];
        let settings = Settings { callers: Callers::new(callers()), ..settings(Clock::Fixed(NOW)) };
        let shared = settings.callers.clone();
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        let begin = async |token: &str| {
            Watching::begin(&server.timeline, with_token(token, watch(&anna.id))).await
        };
        let (mut one, mut two) = (begin("one").await, begin("two").await);
        let mut nobodys = server.watching(watch(&anna.id)).await;

        shared.replace(&Callers::new([caller("two", Role::Reader)]));
        let ended = one.end().await;
        assert_ended(&ended.1, Code::Unauthenticated, "UNKNOWN_CALLER", &one.token);
        let made = server.recorded(to(&anna.id, note("x"))).await;
        assert_eq!(two.entry().await.id, made.entry_id);

        shared.replace(&Callers::new([caller("two", Role::Recorder)]));
        let ended = two.end().await;
        assert_ended(&ended.1, Code::PermissionDenied, "ROLE_NOT_PERMITTED", &two.token);
        // A caller without a token cannot lose it.
        assert_eq!(nobodys.entry().await.id, made.entry_id);
        let made = server.recorded(to(&anna.id, note("y"))).await;
        assert_eq!(nobodys.entry().await.id, made.entry_id);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_does_not_read_is_cut_off_and_goes_on_later() {
    on_both(async |database| {
        let settings = with(|bounds| {
            *bounds =
                WatchBounds { heartbeat: SHORT, send_timeout: SHORT, max_watches: 1, ..*bounds };
        });
        let server = Server::start_with(database, settings).await;
        let anna = server.made(vec![account("anna")]).await;
        // The connection accepts little beyond what is read.
        let endpoint = Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
        let small = endpoint.initial_stream_window_size(1 << 16);
        let channel = small.initial_connection_window_size(1 << 16).connect().await.unwrap();
        let stuck = TimelineServiceClient::new(Services::new(channel));
        let mut stuck = Watching::begin(&stuck, watch_all(&anna.id)).await;
        let mut client = server.timeline.clone();
        let too_many = Refusal::new(Code::ResourceExhausted, "TOO_MANY_WATCHES", []);
        assert_eq!(refusal(client.watch_timeline(watch(&anna.id)).await), too_many);
        let mut wanted = Vec::new();
        for _ in 0..40 {
            let text = "many words ".repeat(1 << 10);
            wanted.push(server.recorded(to(&anna.id, said(text))).await.entry_id);
        }
        // Its permit is released once it has been ended.
        while let Err(status) = client.watch_timeline(watch(&anna.id)).await {
            assert_eq!(refusal::<()>(Err(status)), too_many);
        }

        let (mut entries, status) = stuck.end().await;
        assert_ended(&status, Code::Aborted, "SLOW_READER", &stuck.token);
        assert!(entries.len() < 40, "it was not cut off");
        let call = resume(&anna.id, &stuck.token);
        let mut resumed = loop {
            // The permit of the watch above is released once the server has noticed that it is
            // gone.
            if let Ok(answer) = client.watch_timeline(call.clone()).await {
                break answer.into_inner();
            }
        };
        while let Some(response) = resumed.message().await.unwrap() {
            match response.event.unwrap() {
                Event::Entry(entry) => entries.push(entry),
                Event::Heartbeat(_) => break,
                Event::Customer(_) => {}
            }
        }
        assert_eq!(ids(&entries), wanted);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn heartbeats_come_for_longer_than_a_call_may_take() {
    on_both(async |database| {
        // Only the watch has the short deadline.
        let other = Server::start(database).await;
        let anna = other.made(vec![account("anna")]).await;
        let beating = with(|bounds| bounds.heartbeat = SHORT);
        let settings = Settings { default_deadline: 100 * SHORT, ..beating };
        let server = Server::start_with(database, settings).await;
        let mut watching = server.watching(watch(&anna.id)).await;
        for _ in 0..110 {
            assert_eq!(watching.event().await.unwrap(), Event::Heartbeat(pb::WatchHeartbeat {}));
        }
        let made = other.recorded(to(&anna.id, note("x"))).await;
        assert_eq!(watching.entry().await.id, made.entry_id);
        other.stop().await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_at_the_deadline_that_its_caller_sets() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut call = Request::new(watch(&anna.id));
        // Not by set_timeout: the client would keep the deadline itself.
        call.metadata_mut().insert("grpc-timeout", "300m".parse().unwrap());
        let mut stream = server.timeline.clone().watch_timeline(call).await.unwrap().into_inner();
        let mut token = String::new();
        let status = loop {
            match stream.message().await {
                Ok(response) => token = response.unwrap().resume_token,
                Err(status) => break status,
            }
        };
        assert_ended(&status, Code::DeadlineExceeded, "DEADLINE_PASSED", &token);
        server.stop().await;
    })
    .await;
}
