//! Numbers 66 and 115: erased customers, and who may erase.

use throughline::pb;
use tonic::Code;

use crate::{
    calls::{Refusal, account, by, note, refusal, to},
    erasure::{erase, erased},
    identity::with_token,
    support::{ROLES, RowCounter, Server, on_both},
};

/// The numbers that are tested here.
pub const NUMBERS: &[u16] = &[66, 115];

#[tokio::test]
async fn number_66_who_was_erased_is_not_made_anew_by_an_old_retry() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = by(vec![account("anna")], note("first"));
        let anna = server.recorded(first.clone()).await.customer_id;
        server.erased(&anna).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        for call in [first, to(&anna, note("new")), by(vec![account("anna")], note("older"))] {
            assert_eq!(server.not_recorded(call).await, erased());
        }
        assert_eq!(rows.count().await, before);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_115_an_erasure_takes_the_role_and_a_ticket_and_is_the_same_twice() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let mut privacy = server.privacy.clone();
        for (role, _) in ROLES.into_iter().filter(|(name, _)| *name != "privacy_officer") {
            let answer = privacy.erase_customer(with_token(role, erase(&anna))).await;
            let denied = Refusal::new(Code::PermissionDenied, "ROLE_NOT_PERMITTED", []);
            assert_eq!(refusal(answer), denied, "{role}");
        }
        for ticket in ["", " \u{a0} ", "two\nlines", &"x".repeat(101)] {
            let call = pb::EraseCustomerRequest { ticket: ticket.to_owned(), ..erase(&anna) };
            let answer = privacy.erase_customer(with_token("privacy_officer", call)).await;
            assert_eq!(refusal(answer), Refusal::invalid(["ticket"]));
        }
        let nobody = pb::EraseCustomerRequest { request_id: String::new(), ..erase("anna") };
        let answer = refusal(privacy.erase_customer(nobody).await);
        assert_eq!(answer, Refusal::invalid(["customer_id", "request_id"]));
        assert_eq!(rows.count().await, before);

        let call = erase(&anna);
        let by_officer = with_token("privacy_officer", call.clone());
        let first = privacy.erase_customer(by_officer).await.unwrap().into_inner();
        let before = rows.count().await;
        for again in [call, erase(&anna)] {
            let by_officer = with_token("privacy_officer", again);
            let again = privacy.erase_customer(by_officer).await.unwrap().into_inner();
            assert_eq!(again, first);
        }
        assert_eq!(rows.count().await, before);
        server.stop().await;
    })
    .await;
}

/// An idempotency key of an erasure cannot be used for another call.
#[tokio::test]
async fn a_request_id_of_an_erasure_is_taken() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let bert = server.made(vec![account("bert")]).await.id;
        let call = erase(&anna);
        server.privacy.clone().erase_customer(call.clone()).await.unwrap();
        let taken = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let request_id = call.request_id.clone();
        let other = pb::EraseCustomerRequest { customer_id: bert.clone(), ..call };
        assert_eq!(refusal(server.privacy.clone().erase_customer(other).await), taken);
        let mut entry = to(&bert, note("x"));
        entry.entry.as_mut().unwrap().source_ref.clear();
        let entry = pb::RecordEntryRequest { request_id, ..entry };
        assert_eq!(server.not_recorded(entry).await, taken);
        server.stop().await;
    })
    .await;
}
