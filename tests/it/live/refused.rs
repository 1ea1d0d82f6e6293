//! Watches that are refused.

use throughline::pb::{self, watch_timeline_request::Watched};
use tonic::Code;

use super::{resume, watch};
use crate::{
    calls::{Refusal, account, email, note, refusal, to},
    identity::merge,
    support::{Database, Server, on_both},
};

#[tokio::test]
async fn who_cannot_be_watched_is_told_before_the_stream() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![account("other")]).await;
        let refused = async |call: pb::WatchTimelineRequest| {
            refusal(server.timeline.clone().watch_timeline(call).await)
        };
        let behind = |revision| pb::WatchTimelineRequest {
            after_revision: Some(revision),
            ..watch(&anna.id)
        };
        let by = |identifier| pb::WatchTimelineRequest {
            watched: Some(Watched::Identifier(identifier)),
            ..Default::default()
        };
        let nobody = "0197f9b4-0000-7000-8000-000000000000";
        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        assert_eq!(refused(watch(nobody)).await, not_found);
        assert_eq!(refused(by(email("eve@example.net"))).await, not_found);
        assert_eq!(refused(watch("x")).await, Refusal::invalid(["customer_id"]));
        assert_eq!(refused(Default::default()).await, Refusal::invalid(["customer"]));
        assert_eq!(refused(behind(-1)).await, Refusal::invalid(["after_revision"]));
        assert_eq!(refused(behind(1000)).await, Refusal::invalid(["after_revision"]));
        server.merged(merge(&anna.id, &other.id)).await;
        assert_eq!(refused(behind(1)).await, Refusal::invalid(["after_revision"]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_token_of_elsewhere_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![account("other")]).await;
        server.recorded(to(&anna.id, note("x"))).await;
        let watching = server.watching(watch(&anna.id)).await;
        let token = watching.token.as_str();
        let elsewhere = Database::sqlite();
        let second = Server::start(&elsewhere).await;
        let there = second.made(vec![account("anna")]).await;
        let there = second.watching(watch(&there.id)).await;

        let cut = &token[..token.len() - 1];
        let mib = "A".repeat(1 << 20);
        let bad = Refusal::new(Code::InvalidArgument, "BAD_RESUME_TOKEN", ["resume_token"]);
        let calls = [
            resume(&anna.id, "AAAA"),
            resume(&anna.id, "%%% on, please %%%"),
            resume(&anna.id, cut),
            resume(&anna.id, &format!("{cut}%")),
            resume(&anna.id, &mib),
            resume(&anna.id, &there.token),
            // For another customer, or for this one by another identifier.
            resume(&other.id, token),
            pb::WatchTimelineRequest {
                watched: Some(Watched::Identifier(account("anna"))),
                ..resume("", token)
            },
        ];
        for call in calls {
            let answer = server.timeline.clone().watch_timeline(call).await;
            assert_eq!(refusal(answer), bad);
        }
        server.stop().await;
        second.stop().await;
    })
    .await;
}
