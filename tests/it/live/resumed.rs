//! Where a watch begins, and that it can be resumed.

use throughline::{
    clock::Clock,
    pb::{self, watch_timeline_request::Watched, watch_timeline_response::Event},
};

use super::{Watching, ids, resume, watch, watch_all};
use crate::{
    calls::{account, at, by, note, said, to},
    identity::{link, named, verified},
    support::{NOW, Server, on_both, settings},
};

/// Entries of one customer whose times are in reverse order of their recording.
async fn recorded(server: &Server, customer_id: &str, count: i64) -> Vec<String> {
    let entry = |number: i64| {
        let occurred_at = Some(at(-number));
        to(customer_id, pb::Entry { occurred_at, ..note(format!("number {number}")) })
    };
    let answers = server.batch((1..=count).map(entry).collect()).await.unwrap();
    answers.into_inner().responses.into_iter().map(|it| it.entry_id).collect()
}

#[tokio::test]
async fn what_was_recorded_comes_in_that_order_and_then_what_is() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        server.recorded(by(vec![account("bert")], note("of another customer"))).await;
        // More than are read at once.
        let wanted = recorded(&server, &anna.id, 150).await;
        let mut watching = server.watching(watch_all(&anna.id)).await;
        let records = vec![anna.id.clone()];
        let customer = pb::WatchedCustomer { customer_id: anna.id.clone(), record_ids: records };
        assert_eq!(watching.customer, customer);
        let entries = watching.caught_up().await;
        assert_eq!(ids(&entries), wanted);
        assert!(entries.is_sorted_by_key(|entry| entry.revision));

        // Each is equal to the one in the timeline.
        let mut listed = server.timeline_of(&anna.id).await;
        listed.sort_by_key(|entry| entry.revision);
        assert_eq!(entries, listed);

        // A change without an entry is skipped.
        server.known(account("anna"), named("Anna", "")).await;
        for text in ["one", "two"] {
            let made = server.recorded(to(&anna.id, said(text))).await;
            let entry = watching.entry().await;
            assert_eq!((entry.id, entry.revision), (made.entry_id, made.revision));
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_goes_on_behind_the_token_of_any_event() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let wanted = recorded(&server, &anna.id, 70).await;
        let mut watching = server.watching(watch_all(&anna.id)).await;
        let mut tokens = vec![(0, watching.token.clone())];
        while let Event::Entry(_) = watching.event().await.unwrap() {
            tokens.push((tokens.len(), watching.token.clone()));
        }
        tokens.push((70, watching.token.clone()));
        assert_eq!(tokens.len(), 72);

        // The connection is shared: dropping one stream leaves the others.
        let client = &server.timeline;
        for (sent, token) in &tokens {
            let mut resumed = Watching::begin(client, resume(&anna.id, token)).await;
            assert_eq!(ids(&resumed.caught_up().await), wanted[*sent..]);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_from_now_on_leaves_out_what_was_before() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        recorded(&server, &anna.id, 3).await;
        let mut watching = server.watching(watch(&anna.id)).await;
        let first = watching.token.clone();
        assert_eq!(watching.caught_up().await, []);
        let new = recorded(&server, &anna.id, 3).await;
        for id in &new {
            assert_eq!(watching.entry().await.id, *id);
        }
        // A watch that was ended before its first entry can be resumed too.
        let mut resumed = server.watching(resume(&anna.id, &first)).await;
        assert_eq!(ids(&resumed.caught_up().await), new);

        // After a revision; a token takes precedence over it.
        let behind = |revision| pb::WatchTimelineRequest {
            after_revision: Some(revision),
            ..watch(&anna.id)
        };
        let timeline = server.timeline_of(&anna.id).await;
        let revision = timeline.iter().find(|entry| entry.id == new[0]).unwrap().revision;
        let mut from = server.watching(behind(revision)).await;
        assert_eq!(ids(&from.caught_up().await), new[1..]);
        let both = pb::WatchTimelineRequest { resume_token: first, ..behind(revision) };
        assert_eq!(ids(&server.watching(both).await.caught_up().await), new);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_outlives_its_server_and_the_one_whom_an_identifier_named() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let by_account = |token: &str| pb::WatchTimelineRequest {
            watched: Some(Watched::Identifier(account("anna"))),
            resume_token: token.to_owned(),
            ..Default::default()
        };
        let mut watching = server.watching(by_account("")).await;
        assert_eq!(watching.caught_up().await, []);
        let token = watching.token.clone();
        drop(watching);
        let missed = recorded(&server, &anna.id, 2).await;
        server.stop().await;

        // The account now belongs to another customer.
        let server = Server::start_with(database, settings(Clock::Fixed(NOW + 1))).await;
        let other = server.made(vec![account("bert")]).await;
        let passed = pb::LinkIdentifierRequest {
            take_over: true,
            ..link(&other.id, verified(account("anna")))
        };
        server.linked(passed).await;
        recorded(&server, &other.id, 2).await;
        let mut resumed = server.watching(by_account(&token)).await;
        assert_eq!(resumed.customer.customer_id, anna.id);
        let entries = resumed.caught_up().await;
        assert_eq!(ids(&entries)[..2], missed);
        assert!(entries.iter().all(|entry| entry.customer_id == anna.id));
        server.stop().await;
    })
    .await;
}
