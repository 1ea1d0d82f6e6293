//! BatchRecordEntries: all of the entries or none.

use throughline::pb;
use tonic::Code;

use crate::{
    calls::{
        Refusal, about, account, bought, by, by_request_id, email, note, refusal, request_id, to,
    },
    support::{Database, RowCounter, Server, on_both},
};

/// Checks that a batch is refused, and that none of it is stored.
async fn check_refused(
    database: &Database,
    server: &Server,
    batch: Vec<pb::RecordEntryRequest>,
    wanted: Refusal,
) {
    let mut rows = RowCounter::of(database).await;
    let before = rows.count().await;
    assert_eq!(refusal(server.batch(batch).await), wanted);
    assert_eq!(rows.count().await, before, "something was stored");
}

#[tokio::test]
async fn a_batch_is_answered_in_its_order() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.identified(vec![account("anna")]).await.customer.unwrap();
        let known = by(vec![account("anna")], note("recorded before"));
        let before = server.recorded(known.clone()).await;
        let twice = by(vec![account("bert")], note("twice in one batch"));
        let batch = vec![
            to(&anna.id, note("by id")),
            by(vec![account("bert")], note("a new customer")),
            known,
            twice.clone(),
            by_request_id(by(vec![account("bert"), email("bert@example.net")], note("more"))),
            twice,
            by(vec![email("bert@example.net")], note("by what came before")),
        ];
        let answers = server.batch(batch).await.unwrap().into_inner().responses;
        let (bert, anna) = (answers[1].customer_id.clone(), anna.id);
        let told: Vec<_> = answers
            .iter()
            .map(|it| (&it.customer_id, it.revision, it.customer_created, it.already_recorded))
            .collect();
        let wanted = [
            (&anna, 3, false, false),
            (&bert, 1, true, false),
            (&anna, 2, false, true),
            (&bert, 2, false, false),
            (&bert, 3, false, false),
            (&bert, 2, false, true),
            (&bert, 4, false, false),
        ];
        assert_eq!(told, wanted);
        assert_eq!(answers[2].entry_id, before.entry_id);
        assert_eq!(answers[3].entry_id, answers[5].entry_id);
        assert_eq!(server.timeline_of(&anna).await.len(), 2);
        assert_eq!(server.timeline_of(&bert).await.len(), 4);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_later_entry_may_be_about_an_earlier_order() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let who = || vec![account("anna")];
        let batch = vec![by(who(), bought("W-1")), by(who(), about(note("about it"), ["W-1"]))];
        let answers = server.batch(batch.clone()).await.unwrap().into_inner().responses;
        assert_eq!(answers.len(), 2);
        let again = server.batch(batch).await.unwrap().into_inner().responses;
        assert!(again.iter().all(|it| it.already_recorded));

        // An earlier entry may not refer to a later order.
        let early = vec![by(who(), about(note("x"), ["W-2"])), by(who(), bought("W-2"))];
        let field = "requests[0].entry.order_numbers[0]";
        let not_found = Refusal::new(Code::NotFound, "PURCHASE_NOT_FOUND", [field]);
        check_refused(database, &server, early, not_found).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn one_bad_entry_and_none_is_stored() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = by(vec![account("anna")], bought("W-1"));
        let anna = server.recorded(first.clone()).await.customer_id;
        let good =
            |who: &str| by(vec![account(who), email(format!("{who}@example.net"))], note("x"));
        let check = async |bad: pb::RecordEntryRequest, wanted: Refusal| {
            let batch = vec![good("anna"), good("new"), bad, good("bert")];
            check_refused(database, &server, batch, wanted).await;
        };

        let field = "requests[2].entry.order_numbers[0]";
        let wanted = Refusal::new(Code::NotFound, "PURCHASE_NOT_FOUND", [field]);
        check(to(&anna, about(note("x"), ["W-9"])), wanted).await;
        let field = "requests[2].entry.purchase.order_number";
        let wanted = Refusal::new(Code::AlreadyExists, "ORDER_NUMBER_TAKEN", [field]);
        check(to(&anna, bought("W-1")), wanted).await;
        let stranger = to("0190f3c4-7b1a-7cc0-8000-00000000beef", note("x"));
        check(stranger, Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", [])).await;
        let mut other = first;
        other.entry.as_mut().unwrap().agent = "somebody else".to_owned();
        let field = "requests[2].entry.source_ref";
        check(other, Refusal::new(Code::InvalidArgument, "SOURCE_REF_REUSED", [field])).await;
        let mut wrong = good("anna");
        wrong.entry.as_mut().unwrap().occurred_at = None;
        check(wrong, Refusal::invalid(["requests[2].entry.occurred_at"])).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn every_bad_entry_of_a_batch_is_named() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let used = request_id();
        let named = |id: &str, text: &str| pb::RecordEntryRequest {
            request_id: id.to_owned(),
            ..by(vec![account("anna")], note(text))
        };
        server.recorded(named(&used, "one")).await;

        let mut no_time = named("", "x");
        no_time.entry.as_mut().unwrap().occurred_at = None;
        let mut no_name = named("no uuid", "x");
        no_name.entry.as_mut().unwrap().source.clear();
        let batch = vec![named("", "good"), no_time, named("", "good"), no_name];
        let wanted = Refusal::invalid([
            "requests[1].entry.occurred_at",
            "requests[3].entry.source",
            "requests[3].request_id",
        ]);
        check_refused(database, &server, batch, wanted).await;

        let batch = vec![named(&used, "two"), named("", "good"), named(&used, "three")];
        let wanted = Refusal::new(
            Code::InvalidArgument,
            "REQUEST_ID_REUSED",
            ["requests[0].request_id", "requests[2].request_id"],
        );
        check_refused(database, &server, batch, wanted).await;
        let new = request_id();
        let batch = vec![named(&new, "one"), named(&new, "two")];
        let wanted =
            Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["requests[1].request_id"]);
        check_refused(database, &server, batch, wanted).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_batch_holds_1_to_500() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let many = |count: usize| -> Vec<pb::RecordEntryRequest> {
            (0..count)
                .map(|it| by(vec![account(format!("account-{}", it % 7))], note("x")))
                .collect()
        };
        check_refused(database, &server, many(0), Refusal::invalid(["requests"])).await;
        check_refused(database, &server, many(501), Refusal::invalid(["requests"])).await;
        let answers = server.batch(many(500)).await.unwrap().into_inner().responses;
        assert_eq!(answers.len(), 500);
        let mut rows = RowCounter::of(database).await;
        let rows = rows.count().await;
        assert_eq!((rows["entries"], rows["customers"]), (500, 7));
        server.stop().await;
    })
    .await;
}
