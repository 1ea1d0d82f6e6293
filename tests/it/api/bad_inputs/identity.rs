//! Numbers 26, 34, 46 and 67: values that belong to another customer by now.

use throughline::{clock::Clock, domain::blocked::Blocked, pb};
use tonic::{
    Code, Request,
    metadata::{Ascii, MetadataValue},
};

use super::world::{World, identifier, record};
use crate::{
    calls::{Refusal, account, identify, note, refusal, request_id, to},
    identity::{by_shop, link, merge, unlink, values, verified},
    support::{NOW, RowCounter, Server, on_both, settings},
};

/// The numbers that are tested here.
pub const NUMBERS: &[u16] = &[26, 34, 46, 67];

#[tokio::test]
async fn number_26_a_request_id_of_another_caller_is_another_one() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let bert = server.made(vec![account("bert")]).await;
        let mut calls = server.customers.clone();
        let first = link(&anna.id, account("anna.w"));
        calls.link_identifier(first.clone()).await.unwrap();
        let second = pb::LinkIdentifierRequest {
            request_id: first.request_id,
            ..link(&bert.id, account("bert.s"))
        };
        let answer = calls.link_identifier(by_shop(second)).await.unwrap().into_inner();
        assert_eq!(
            (answer.customer_id, answer.identifier.unwrap().value),
            (bert.id, "bert.s".to_owned())
        );
        server.stop().await;
    })
    .await;
}

/// A name with a line end cannot be sent at all: it is not a valid HTTP header.
#[tokio::test]
async fn number_34_an_actor_is_one_plain_line() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        let world = World::make(&mut server).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        assert!(MetadataValue::<Ascii>::try_from("karin\nroot".as_bytes()).is_err());
        let refused = Refusal::invalid(["throughline-actor"]);
        let long = "k".repeat(101);
        let names: [&[u8]; 8] = [
            "karin\u{202e}toor".as_bytes(),
            "karin\u{2066}x".as_bytes(),
            "karin\u{2028}root".as_bytes(),
            b"karin\troot",
            b"\xff\xfe",
            "\u{200b}".as_bytes(),
            "\u{a0}".as_bytes(),
            long.as_bytes(),
        ];
        for name in names {
            let value = MetadataValue::<Ascii>::try_from(name).unwrap();
            let mut call = by_shop(link(&world.customer_id, account("anna.w")));
            call.metadata_mut().insert("throughline-actor", value.clone());
            assert_eq!(refusal(server.customers.link_identifier(call).await), refused, "{name:?}");
            let mut call = Request::new(record());
            call.metadata_mut().insert("throughline-actor", value);
            assert_eq!(refusal(server.timeline.record_entry(call).await), refused, "{name:?}");
        }
        let mut call = by_shop(link(&world.customer_id, account("anna.w")));
        for name in ["karin", "piet"] {
            call.metadata_mut().append("throughline-actor", name.parse().unwrap());
        }
        assert_eq!(refusal(server.customers.link_identifier(call).await), refused);
        assert_eq!(rows.count().await, before);
        let mut call = by_shop(link(&world.customer_id, account("anna.w")));
        call.metadata_mut().insert("throughline-actor", "k".repeat(100).parse().unwrap());
        server.customers.link_identifier(call).await.unwrap();
        server.stop().await;
    })
    .await;
}

/// Only the suggestion that the two may be one person is stored.
#[tokio::test]
async fn number_46_a_recycled_number_is_not_taken_over_by_the_way() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let phone = || identifier(pb::IdentifierKind::Phone, "+31612345678");
        let old = server.made(vec![account("anna")]).await;
        server.linked(link(&old.id, verified(phone()))).await;
        let new = server.made(vec![account("bert")]).await;
        let mut rows = RowCounter::of(database).await;
        let mut before = rows.count().await;
        let conflict = Refusal::new(Code::AlreadyExists, "IDENTIFIER_CONFLICT", []);
        for call in [link(&new.id, phone()), link(&new.id, verified(phone()))] {
            let answer = server.customers.clone().link_identifier(by_shop(call)).await;
            assert_eq!(refusal(answer), conflict);
        }
        let mut after = rows.count().await;
        for counts in [&mut before, &mut after] {
            counts.retain(|table, _| table != "refused_claims" && table != "match_queue");
        }
        assert_eq!(after, before);
        assert_eq!(values(&server.customer(&new.id).await), ["bert"]);

        let take =
            pb::LinkIdentifierRequest { take_over: true, ..link(&new.id, verified(phone())) };
        server.linked(take).await;
        let ended: Vec<_> = server.claims_of(&old.id).await;
        assert!(ended.iter().any(|it| it.value == "+31612345678" && it.valid_to.is_some()));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_46_what_is_taken_over_is_verified_and_not_shared() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let mut take = pb::LinkIdentifierRequest {
            take_over: true,
            shared: true,
            source: "Web Shop".to_owned(),
            ..link(&anna.id, account("anna.w"))
        };
        let refused = Refusal::invalid(["take_over", "source"]);
        assert_eq!(refusal(server.customers.clone().link_identifier(take.clone()).await), refused);
        take.identifier = None;
        take.request_id.clear();
        let fields = ["take_over", "source", "identifier", "request_id"];
        let answer = server.customers.clone().link_identifier(take).await;
        assert_eq!(refusal(answer), Refusal::invalid(fields));
        assert_eq!(rows.count().await, before);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_50_the_companys_own_values_name_nobody() {
    on_both(async |database| {
        // Before the shop's own number is blocked, it identifies a customer.
        let server = Server::start(database).await;
        let number = |value: &str| identifier(pb::IdentifierKind::Phone, value);
        let anna = server.made(vec![account("anna"), number("+31201234567")]).await;
        server.stop().await;

        let mut settings = settings(Clock::Fixed(NOW));
        let region = Some("NL");
        settings.rules.phone_region = region.map(str::to_owned);
        let mut blocked = Blocked::BUILT_IN;
        for value in ["020 - 123 45 67", "Info@Bücher.example", "@shop.nl", "Balie 1"] {
            blocked.block(value, region).unwrap();
        }
        for value in ["test@test.nl", "guest"] {
            blocked.allow(value, region).unwrap();
        }
        settings.rules.blocked = blocked;
        let server = Server::start_with(database, settings).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let mail = |value: &str| identifier(pb::IdentifierKind::Email, value);
        let mut customers = server.customers.clone();
        for wrong in [
            number("020 1234567"),
            number("+31 (0)20 123 45 67"),
            number("tel:+31-20-1234567"),
            number("0031201234567"),
            mail("info@xn--bcher-kva.example"),
            mail("INFO@bücher.example"),
            mail("anybody@Shop.NL"),
            account("balie 1"),
            mail("noreply@example.net"),
        ] {
            let blocked =
                Refusal::new(Code::InvalidArgument, "BLOCKED_IDENTIFIER", ["identifiers[0].value"]);
            let answer = customers.identify_customer(identify(vec![wrong.clone()])).await;
            assert_eq!(refusal(answer), blocked, "{wrong:?}");
        }
        assert_eq!(rows.count().await, before);
        for good in [mail("test@test.nl"), account("Guest"), mail("anna@other.shop.nl")] {
            assert!(server.identified(vec![good.clone()]).await.created, "{good:?}");
        }
        // If it was linked before, it can be unlinked.
        let call = unlink(&anna.id, number("020 1234567"));
        customers.unlink_identifier(call).await.unwrap();
        assert_eq!(values(&server.customer(&anna.id).await), ["anna"]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn number_67_an_entry_for_who_was_merged_is_redirected() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let gone = server.made(vec![account("anna.w")]).await;
        server.merged(merge(&anna.id, &gone.id)).await;
        let answer = server.recorded(to(&gone.id, note("x"))).await;
        assert_eq!((&answer.customer_id, &answer.record_id), (&anna.id, &gone.id));
        let call = pb::RecordEntryRequest { request_id: request_id(), ..to(&gone.id, note("y")) };
        let answer = server.batch(vec![call]).await.unwrap().into_inner();
        assert_eq!(answer.responses[0].customer_id, anna.id);
        server.stop().await;
    })
    .await;
}
