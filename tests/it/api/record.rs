//! RecordEntry and GetEntry: the timeline of an entry, and the idempotency keys.

use std::collections::BTreeSet;

use throughline::pb;
use tonic::Code;

use crate::{
    calls::{
        Refusal, about, account, at, bought, by, by_request_id, email, entry, note, refusal,
        request_id, said, scored, to,
    },
    support::{Server, on_both},
};

const UNKNOWN: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";

fn returned(reason: &str) -> pb::Entry {
    let line = pb::ReturnLine { name: "Television".to_owned(), quantity: 1, ..Default::default() };
    entry(pb::entry::Content::Returned(pb::Return {
        lines: vec![line],
        reason: reason.to_owned(),
        ..Default::default()
    }))
}

#[tokio::test]
async fn an_entry_is_recorded_by_identifiers_and_by_id() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = server.recorded(by(vec![account("anna")], note("one"))).await;
        assert!(first.customer_created && !first.already_recorded);
        assert_eq!(first.revision, 1);
        let second = server.recorded(to(&first.customer_id, note("two"))).await;
        assert!(!second.customer_created);
        // An identifier that comes with an entry is kept, in the same revision.
        let third = by(vec![account("anna"), email("anna@example.net")], note("three"));
        let third = server.recorded(third).await;
        let fourth = server.recorded(by(vec![email("anna@example.net")], note("four"))).await;
        let answers = [first, second, third, fourth];
        assert_eq!(answers.each_ref().map(|it| it.revision), [1, 2, 3, 4]);
        assert!(answers.iter().all(|it| it.customer_id == answers[0].customer_id));

        let entries = server.timeline_of(&answers[0].customer_id).await;
        let ids = |ids: Vec<&String>| ids.into_iter().cloned().collect::<BTreeSet<_>>();
        assert_eq!(
            ids(entries.iter().map(|it| &it.id).collect()),
            ids(answers.iter().map(|it| &it.entry_id).collect())
        );
        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        assert_eq!(server.not_recorded(to(UNKNOWN, note("x"))).await, not_found);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_comes_back_as_it_was_sent() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let order = server.recorded(by(vec![account("anna")], bought("W-1"))).await;
        let mut full = said("The picture went black.");
        full.agent = "agent 7".to_owned();
        full.language = "en".to_owned();
        full.occurred_at = Some(prost_types::Timestamp { nanos: 123_456_000, ..at(-7200) });
        full.attributes = [("queue".to_owned(), "tv".to_owned())].into();
        if let Some(pb::entry::Content::Interaction(interaction)) = &mut full.content {
            interaction.sentiment = Some(0.0);
            interaction.ended_at = Some(at(-7100));
        }
        let full = about(full, ["W-1"]);
        for sent in [full, note("A note."), scored(0.0, ""), returned("broken"), bought("")] {
            let call = to(&order.customer_id, sent.clone());
            let answer = server.recorded(call).await;
            let call = pb::GetEntryRequest {
                customer_id: answer.customer_id.clone(),
                entry_id: answer.entry_id.clone(),
            };
            let got = server.timeline.clone().get_entry(call).await.unwrap().into_inner();
            let mut got = got.entry.unwrap();
            assert_eq!(got.revision, answer.revision);
            assert_eq!((&got.id, &got.customer_id), (&answer.entry_id, &answer.customer_id));
            assert_eq!(got.recorded_at, Some(at(0)));
            let listed = server.timeline_of(&answer.customer_id).await;
            assert!(listed.contains(&got), "the list has it in the same form");

            (got.id, got.customer_id, got.revision) = Default::default();
            got.recorded_at = None;
            let mut sent = sent;
            if let Some(pb::entry::Content::Feedback(feedback)) = &mut sent.content {
                feedback.scale_max = 10;
            }
            assert_eq!(got, sent);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_server_sets_is_ignored_in_a_call() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let sent = note("x");
        let first = server.recorded(by(vec![account("anna")], sent.clone())).await;
        let forged = pb::Entry {
            id: UNKNOWN.to_owned(),
            customer_id: UNKNOWN.to_owned(),
            revision: 99,
            recorded_at: Some(at(-1)),
            flags: vec![1, 2, 3, 4, 5],
            ..sent
        };
        let again = server.recorded(by(vec![account("anna")], forged.clone())).await;
        assert!(again.already_recorded, "it is the same entry");
        let other = pb::Entry { source_ref: "another".to_owned(), ..forged };
        let other = server.recorded(by(vec![account("anna")], other)).await;
        assert_ne!(other.entry_id, UNKNOWN);
        assert_eq!((other.revision, other.recorded_at), (2, Some(at(0))));
        assert_eq!(other.customer_id, first.customer_id);
        assert!(other.flags.is_empty());
        server.stop().await;
    })
    .await;
}

/// By its source_ref, by its request_id and by both.
#[tokio::test]
async fn a_retry_is_answered_as_the_first_call() {
    on_both(async |database| {
        let server = Server::start(database).await;
        // Another customer has the e-mail address, so that the answer names a conflict.
        for one in [email("shared@example.net"), account("anna")] {
            server.identified(vec![one]).await;
        }
        let who = vec![account("anna"), email("shared@example.net")];
        let by_ref = by(who.clone(), note("my card is 4111 1111 1111 1111"));
        let by_id = by_request_id(by(who.clone(), note("by id")));
        let by_both = pb::RecordEntryRequest { request_id: request_id(), ..by(who, note("both")) };
        for call in [by_ref, by_id, by_both] {
            let first = server.recorded(call.clone()).await;
            assert_eq!(first.conflicts.len(), 1);
            server.recorded(to(&first.customer_id, note("something else"))).await;
            let again = server.recorded(call).await;
            assert_eq!(again, pb::RecordEntryResponse { already_recorded: true, ..first });
        }
        server.stop().await;
    })
    .await;
}

/// A request_id sent with an entry known by its source_ref identifies that entry from then on.
#[tokio::test]
async fn a_retry_may_bring_a_further_name() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let call = by(vec![account("anna")], note("one"));
        let first = server.recorded(call.clone()).await;
        let named = pb::RecordEntryRequest { request_id: request_id(), ..call };
        assert!(server.recorded(named.clone()).await.already_recorded);

        let other = pb::RecordEntryRequest {
            request_id: named.request_id,
            ..by(vec![account("anna")], note("two"))
        };
        let request = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        assert_eq!(server.not_recorded(other).await, request);
        assert_eq!(server.timeline_of(&first.customer_id).await.len(), 1);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_name_with_another_content_is_refused() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let call = pb::RecordEntryRequest {
            request_id: request_id(),
            ..by(vec![account("anna")], note("one"))
        };
        let first = server.recorded(call.clone()).await;
        let source = Refusal::new(Code::InvalidArgument, "SOURCE_REF_REUSED", ["entry.source_ref"]);
        let request = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let changed = |change: &dyn Fn(&mut pb::Entry)| {
            let mut other = pb::RecordEntryRequest { request_id: String::new(), ..call.clone() };
            change(other.entry.as_mut().unwrap());
            other
        };
        for other in [
            changed(&|it| it.content = note("two").content),
            changed(&|it| it.occurred_at = Some(at(-1))),
            changed(&|it| it.agent = "agent 7".to_owned()),
            by(vec![account("bert")], call.entry.clone().unwrap()),
            to(&first.customer_id, call.entry.clone().unwrap()),
        ] {
            assert_eq!(server.not_recorded(other).await, source);
        }
        let other = pb::RecordEntryRequest {
            request_id: call.request_id.clone(),
            ..by(vec![account("anna")], note("one"))
        };
        assert_eq!(server.not_recorded(other).await, request);
        assert_eq!(server.timeline_of(&first.customer_id).await.len(), 1);
        server.stop().await;
    })
    .await;
}

/// The customer's other data is unchanged if an entry is refused.
#[tokio::test]
async fn a_refused_entry_leaves_nothing_behind() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let bad = by(vec![account("anna"), email("anna@example.net")], about(note("x"), ["W-1"]));
        let not_found =
            Refusal::new(Code::NotFound, "PURCHASE_NOT_FOUND", ["entry.order_numbers[0]"]);
        assert_eq!(server.not_recorded(bad.clone()).await, not_found);
        let get = pb::GetCustomerRequest {
            customer: Some(pb::get_customer_request::Customer::Identifier(account("anna"))),
        };
        let answer = server.customers.clone().get_customer(get).await;
        assert_eq!(refusal(answer), Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []));

        let anna = server.identified(vec![account("anna")]).await.customer.unwrap();
        let profile = pb::Profile { given_name: "Anna".to_owned(), ..Default::default() };
        let bad = pb::RecordEntryRequest { profile: Some(profile), ..bad };
        assert_eq!(server.not_recorded(bad).await, not_found);
        assert_eq!(server.customer(&anna.id).await, anna);
        server.stop().await;
    })
    .await;
}
