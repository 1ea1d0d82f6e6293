//! Watching a case.

use throughline::pb::{self, record_entry_request::Case, watch_timeline_request::Watched};
use tonic::Code;

use super::{Watching, ids};
use crate::{
    api::cases::{opening, telling},
    calls::{Refusal, account, refusal, request_id, said, to},
    identity::merge,
    support::{Server, on_both},
};

fn watch(case_id: &str) -> pb::WatchTimelineRequest {
    pb::WatchTimelineRequest {
        watched: Some(Watched::CaseId(case_id.to_owned())),
        after_revision: Some(0),
        ..Default::default()
    }
}

async fn next(watching: &mut Watching) -> String {
    watching.entry().await.id
}

#[tokio::test]
async fn a_case_is_watched_without_what_else_happens_and_over_merges() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![account("other")]).await;
        server.recorded(to(&anna.id, said("before"))).await;
        let case = server.opened(opening(&anna.id)).await;
        let mut watching = server.watching(watch(&case.id)).await;
        assert_eq!(ids(&watching.caught_up().await), [case.entry_id.as_str()]);

        server.recorded(to(&anna.id, said("of something else"))).await;
        let told = server.told(telling(&case, "fault", "dark")).await;
        assert_eq!(next(&mut watching).await, told.facts[0].entry_id);
        // After resuming, nothing is sent twice, and nothing that was filtered out.
        server.recorded(to(&anna.id, said("of something else"))).await;
        let call = pb::RecordEntryRequest {
            case: Some(Case::CaseId(case.id.clone())),
            ..to(&anna.id, said("of the case"))
        };
        let joined = server.recorded(call.clone()).await.entry_id;
        let again =
            pb::WatchTimelineRequest { resume_token: watching.token.clone(), ..watch(&case.id) };
        let mut resumed = server.watching(again).await;
        assert_eq!(ids(&resumed.caught_up().await), [joined.as_str()]);
        assert_eq!(next(&mut watching).await, joined);

        server.merged(merge(&other.id, &anna.id)).await;
        let call = pb::RecordEntryRequest {
            customer_id: other.id.clone(),
            entry: Some(said("of the case, with the other record")),
            ..call
        };
        let joined = server.recorded(call).await;
        assert_eq!(joined.record_id, other.id);
        for watching in [&mut watching, &mut resumed] {
            assert_eq!(next(watching).await, joined.entry_id);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_case_that_is_not_there_is_not_watched() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let refused = refusal(server.timeline.clone().watch_timeline(watch(&request_id())).await);
        assert_eq!(refused, Refusal::new(Code::NotFound, "CASE_NOT_FOUND", []));
        let refused = refusal(server.timeline.clone().watch_timeline(watch("x")).await);
        assert_eq!(refused, Refusal::invalid(["case_id"]));
        server.stop().await;
    })
    .await;
}
