//! LinkIdentifier, UnlinkIdentifier and ListIdentifiers.

use throughline::{
    model::MAX_CLAIMS,
    pb::{
        self, IdentifierKind as Kind, IdentifierVerification as Verification,
        get_customer_request::Customer, identity_change::Change,
    },
};
use tonic::Code;

use crate::{
    calls::{Refusal, account, at, by, email, identifier, note, refusal, to},
    identity::{by_shop, changes, exclude_merge, link, unlink, values, verified},
    support::{RowCounter, Server, on_both},
};

fn phone() -> pb::Identifier {
    identifier(Kind::Phone, "+31612345678")
}

#[tokio::test]
async fn a_linked_identifier_names_the_customer() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let national = identifier(Kind::Phone, "tel:+31-6-1234-5678");
        let answer = server.linked(link(&anna.id, national)).await;
        let kept = pb::CustomerIdentifier {
            kind: Kind::Phone.into(),
            value: "+31612345678".to_owned(),
            raw_value: "tel:+31-6-1234-5678".to_owned(),
            first_seen_at: Some(at(0)),
            verification: Verification::Claimed.into(),
            source: "test".to_owned(),
            last_seen_at: Some(at(0)),
            valid_from: Some(at(0)),
            customer_id: anna.id.clone(),
            ..Default::default()
        };
        assert_eq!((answer.identifier, &answer.customer_id), (Some(kept.clone()), &anna.id));
        let now = server.named_by(phone()).await;
        assert_eq!((&now.id, values(&now)), (&anna.id, vec!["+31612345678", "anna"]));
        assert!(now.revision > anna.revision);
        assert!(server.claims_of(&anna.id).await.contains(&kept));

        let timeline = server.timeline_of(&anna.id).await;
        let [(Change::Linked, change)] = changes(&timeline)[..] else { panic!("{timeline:?}") };
        let told = pb::IdentityChange {
            change: Change::Linked.into(),
            actor: "shop".to_owned(),
            reason: "said so on the phone".to_owned(),
            identifier: Some(phone()),
            verification: Verification::Claimed.into(),
            ..Default::default()
        };
        assert_eq!(change, &told);
        let entry = &timeline[0];
        assert_eq!((entry.channel(), entry.occurred_at), (pb::Channel::Unspecified, Some(at(0))));

        // Seeing it again changes nothing visible; verifying it does.
        server.linked(link(&anna.id, phone())).await;
        assert_eq!(server.timeline_of(&anna.id).await.len(), 1);
        let answer = server.linked(link(&anna.id, verified(phone()))).await;
        assert_eq!(answer.identifier.unwrap().verification(), Verification::Verified);
        let timeline = server.timeline_of(&anna.id).await;
        assert_eq!(changes(&timeline).len(), 2);
        // A verified identifier stays verified when somebody merely claims it.
        let answer = server.linked(link(&anna.id, phone())).await;
        assert_eq!(answer.identifier.unwrap().verification(), Verification::Verified);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_changes_nothing_and_another_call_is_no_retry() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let bert = server.made(vec![account("bert")]).await;
        let call = link(&anna.id, phone());
        let first = server.linked(call.clone()).await;
        let gone = unlink(&anna.id, email("old@example.net"));
        server.linked(link(&anna.id, email("old@example.net"))).await;
        let mut customers = server.customers.clone();
        customers.unlink_identifier(by_shop(gone.clone())).await.unwrap();
        let apart = exclude_merge(&anna.id, &bert.id);
        customers.set_merge_exclusion(by_shop(apart.clone())).await.unwrap();

        let bare = pb::LinkIdentifierRequest {
            source: String::new(),
            reason: String::new(),
            ..link(&anna.id, account("anna.w"))
        };
        server.linked(bare.clone()).await;

        let before = server.customer(&anna.id).await;
        let mut rows = RowCounter::of(database).await;
        let counted = rows.count().await;
        assert_eq!(server.linked(call.clone()).await, first);
        customers.unlink_identifier(by_shop(gone.clone())).await.unwrap();
        customers.set_merge_exclusion(by_shop(apart.clone())).await.unwrap();

        let reused = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let other = pb::LinkIdentifierRequest { shared: true, ..call.clone() };
        assert_eq!(refusal(customers.link_identifier(by_shop(other)).await), reused);
        let request_id = call.request_id.clone();
        let other = pb::UnlinkIdentifierRequest { request_id, ..gone };
        assert_eq!(refusal(customers.unlink_identifier(by_shop(other)).await), reused);
        // Two calls with equal bytes are still two calls.
        let taken = pb::UnlinkIdentifierRequest {
            request_id: bare.request_id.clone(),
            reason: String::new(),
            ..unlink(&anna.id, account("anna.w"))
        };
        assert_eq!(refusal(customers.unlink_identifier(by_shop(taken)).await), reused);
        assert_eq!(rows.count().await, counted);
        assert_eq!(server.customer(&anna.id).await, before);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_recycled_number_is_a_conflict_until_it_is_taken_over() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let old = server.made(vec![account("anna")]).await;
        server.linked(link(&old.id, verified(phone()))).await;
        let entry = server.recorded(by(vec![phone()], note("the old owner calls"))).await;
        let new = server.made(vec![account("bert")]).await;
        let before = server.customer(&old.id).await;

        let conflict = Refusal::new(Code::AlreadyExists, "IDENTIFIER_CONFLICT", []);
        for value in [phone(), verified(phone())] {
            let answer = customers.link_identifier(by_shop(link(&new.id, value))).await;
            assert_eq!(refusal(answer), conflict);
        }
        assert_eq!(server.customer(&old.id).await, before);
        assert_eq!(values(&server.customer(&new.id).await), ["bert"]);
        assert_eq!(server.named_by(phone()).await.id, old.id);

        let take =
            pb::LinkIdentifierRequest { take_over: true, ..link(&new.id, verified(phone())) };
        let answer = server.linked(take).await;
        assert_eq!(answer.identifier.unwrap().verification(), Verification::Verified);
        assert_eq!(server.named_by(phone()).await.id, new.id);
        assert_eq!(values(&server.customer(&old.id).await), ["anna"]);
        // The claim has ended and was recorded, and entries recorded by it stay.
        let ended: Vec<_> = server.claims_of(&old.id).await;
        let ended: Vec<_> = ended.iter().filter(|it| it.valid_to.is_some()).collect();
        let [ended] = ended[..] else { panic!("{ended:?}") };
        assert_eq!((ended.value.as_str(), ended.valid_to), ("+31612345678", Some(at(0))));
        let timeline = server.timeline_of(&old.id).await;
        assert!(timeline.iter().any(|it| it.id == entry.entry_id));
        let mut told: Vec<_> = changes(&timeline).into_iter().map(|(change, _)| change).collect();
        told.sort_unstable();
        assert_eq!(told, [Change::Linked, Change::Unlinked]);
        assert_eq!(changes(&server.timeline_of(&new.id).await)[0].0, Change::Linked);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_unlinked_identifier_names_nobody() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.made(vec![account("anna"), phone()]).await;
        let entry = server.recorded(by(vec![phone()], note("x"))).await;
        let answer = customers.unlink_identifier(unlink(&anna.id, phone())).await.unwrap();
        assert_eq!(answer.into_inner().customer_id, anna.id);

        let get = pb::GetCustomerRequest { customer: Some(Customer::Identifier(phone())) };
        let nobody = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        assert_eq!(refusal(customers.get_customer(get).await), nobody);
        assert_eq!(values(&server.customer(&anna.id).await), ["anna"]);
        let timeline = server.timeline_of(&anna.id).await;
        let told = changes(&timeline);
        assert_eq!((told.len(), told[0].0, &*told[0].1.actor), (1, Change::Unlinked, "local"));
        assert!(timeline.iter().any(|it| it.id == entry.entry_id));
        let again = customers.unlink_identifier(unlink(&anna.id, phone())).await;
        let not_found = Refusal::new(Code::NotFound, "IDENTIFIER_NOT_FOUND", []);
        assert_eq!(refusal(again), not_found);

        // Another customer may have it now; the old claim does not return.
        let bert = server.made(vec![phone()]).await;
        server.linked(link(&bert.id, verified(phone()))).await;
        let answer = customers.unlink_identifier(unlink(&anna.id, phone())).await;
        assert_eq!(refusal(answer), not_found);
        // A verified identifier can be unlinked by a caller that may verify it.
        let denied =
            Refusal::new(Code::PermissionDenied, "VERIFICATION_NOT_PERMITTED", ["identifier"]);
        let answer = customers.unlink_identifier(unlink(&bert.id, phone())).await;
        assert_eq!(refusal(answer), denied);
        customers.unlink_identifier(by_shop(unlink(&bert.id, phone()))).await.unwrap();
        assert_eq!(values(&server.customer(&bert.id).await), [""; 0]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_somebody_has_verified_is_shared_by_whoever_may_verify_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.made(vec![account("anna")]).await;
        server.linked(link(&anna.id, verified(phone()))).await;
        let bert = server.made(vec![account("bert")]).await;
        let share = || pb::LinkIdentifierRequest { shared: true, ..link(&bert.id, phone()) };
        let denied = Refusal::new(Code::PermissionDenied, "VERIFICATION_NOT_PERMITTED", ["shared"]);
        assert_eq!(refusal(customers.link_identifier(share()).await), denied);
        assert_eq!(server.named_by(phone()).await.id, anna.id);
        server.linked(share()).await;
        let answer = server.identified(vec![phone()]).await;
        assert_eq!((answer.customer, answer.candidates.len()), (None, 2));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_value_has_at_most_50_customers_and_a_customer_200_values() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        for number in 0..MAX_CLAIMS {
            let customer = server.made(vec![account(format!("account-{number}"))]).await;
            server.linked(link(&customer.id, phone())).await;
        }
        let one_more = server.made(vec![account("one-more")]).await;
        let too_many = Refusal::new(Code::ResourceExhausted, "TOO_MANY_CLAIMS", []);
        let answer = customers.link_identifier(link(&one_more.id, phone())).await;
        assert_eq!(refusal(answer), too_many);
        // An identification succeeds without it.
        let known = server.identified(vec![account("one-more"), phone()]).await;
        assert_eq!(values(&known.customer.unwrap()), ["one-more"]);

        let cookies = (0..200).map(|it| identifier(Kind::Cookie, format!("cookie-{it}-x")));
        let full = server.made(cookies.collect()).await;
        let too_many = Refusal::new(Code::ResourceExhausted, "TOO_MANY_IDENTIFIERS", []);
        let answer = customers.link_identifier(link(&full.id, email("a@example.net"))).await;
        assert_eq!(refusal(answer), too_many);
        // An identifier that it already has is not a 201st.
        server.linked(link(&full.id, identifier(Kind::Cookie, "cookie-7-x"))).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn identifiers_come_in_pages() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let all: Vec<_> = (0..60).map(|it| account(format!("account-{it:02}"))).collect();
        let anna = server.made(all).await;
        for number in (0..60).step_by(3) {
            let gone = unlink(&anna.id, account(format!("account-{number:02}")));
            customers.unlink_identifier(gone).await.unwrap();
        }
        for (include_ended, total) in [(false, 40), (true, 60)] {
            let mut call = pb::ListIdentifiersRequest {
                customer_id: anna.id.clone(),
                include_ended,
                page_size: 7,
                ..Default::default()
            };
            let mut found = Vec::new();
            loop {
                let page = customers.list_identifiers(call.clone()).await.unwrap().into_inner();
                assert!(page.identifiers.len() <= 7);
                found.extend(page.identifiers);
                if page.next_page_token.is_empty() {
                    break;
                }
                call.page_token = page.next_page_token;
            }
            let mut values: Vec<_> = found.iter().map(|it| it.value.as_str()).collect();
            values.sort_unstable();
            values.dedup();
            assert_eq!((found.len(), values.len()), (total, total));
            let ended = found.iter().filter(|it| it.valid_to.is_some()).count();
            assert_eq!(ended, total - 40);
            // A token is only valid for the call that returned it.
            call.include_ended = !include_ended;
            let bad = Refusal::new(Code::InvalidArgument, "BAD_PAGE_TOKEN", ["page_token"]);
            assert_eq!(refusal(customers.list_identifiers(call).await), bad);
        }
        let unknown = pb::ListIdentifiersRequest {
            customer_id: "0190f3c4-7b1a-7cc0-8000-00000000beef".to_owned(),
            ..Default::default()
        };
        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        assert_eq!(refusal(customers.list_identifiers(unknown).await), not_found);
        server.stop().await;
    })
    .await;
}

/// Only the server records changes of identity; they are listed like other entries.
#[tokio::test]
async fn changes_of_identity_are_read_and_not_written() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        server.linked(link(&anna.id, phone())).await;
        server.recorded(to(&anna.id, note("x"))).await;
        let list = pb::ListTimelineRequest {
            filter: Some(pb::EntryFilter {
                kinds: vec![pb::EntryKind::IdentityChange.into()],
                ..Default::default()
            }),
            ..crate::calls::list(&anna.id)
        };
        let entries = server.all(list).await;
        assert_eq!((entries.len(), changes(&entries).len()), (1, 1));

        let mut copied = entries[0].clone();
        copied.channel = pb::Channel::Phone.into();
        (copied.source, copied.source_ref) = ("test".to_owned(), "copied".to_owned());
        let refused = server.not_recorded(to(&anna.id, copied)).await;
        assert_eq!(refused, Refusal::invalid(["entry.content"]));
        server.stop().await;
    })
    .await;
}
