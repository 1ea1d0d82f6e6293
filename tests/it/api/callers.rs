//! Authentication: tokens, rights and actors.

use throughline::pb::{self, IdentifierKind as Kind, IdentifierVerification as Verification};
use tonic::{
    Code, Request,
    metadata::{Ascii, MetadataValue},
};

use crate::{
    calls::{
        Refusal, account, at, by, by_request_id, email, identifier, identify, list, note, refusal,
        to,
    },
    identity::{by_person, by_shop, changes, link, named, verified, with_token},
    support::{DESK_TOKEN, RowCounter, SHOP_TOKEN, Server, on_both},
};

#[tokio::test]
async fn an_unknown_token_is_refused_in_every_form() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let unknown = Refusal::new(Code::Unauthenticated, "UNKNOWN_CALLER", []);
        let forms = [
            "Bearer nobodys-token".to_owned(),
            format!("Basic {SHOP_TOKEN}"),
            SHOP_TOKEN.to_owned(),
            format!("Bearer {SHOP_TOKEN}x"),
            format!("Bearer {SHOP_TOKEN} "),
            "Bearer ".to_owned(),
            "Bearer".to_owned(),
            String::new(),
        ];
        for form in &forms {
            let mut call = Request::new(identify(vec![account("anna")]));
            call.metadata_mut().insert("authorization", form.parse().unwrap());
            let answer = server.customers.clone().identify_customer(call).await;
            assert_eq!(refusal(answer), unknown, "{form}");
        }
        let mut twice = by_shop(identify(vec![account("anna")]));
        let other = format!("Bearer {DESK_TOKEN}").parse().unwrap();
        twice.metadata_mut().append("authorization", other);
        assert_eq!(refusal(server.customers.clone().identify_customer(twice).await), unknown);
        // In the other service too, before anything else of the call is checked.
        let wrong = with_token("nobodys-token", pb::ListTimelineRequest::default());
        assert_eq!(refusal(server.timeline.clone().list_timeline(wrong).await), unknown);
        assert_eq!(rows.count().await, before);

        for form in ["bearer", "BEARER ", "Bearer  "] {
            let mut call = Request::new(identify(vec![account("anna")]));
            let form = format!("{form} {SHOP_TOKEN}").parse().unwrap();
            call.metadata_mut().insert("authorization", form);
            assert!(server.customers.clone().identify_customer(call).await.is_ok());
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_right_to_verify_is_for_a_kind() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let denied =
            |field| Refusal::new(Code::PermissionDenied, "VERIFICATION_NOT_PERMITTED", [field]);
        let card = || verified(identifier(Kind::LoyaltyCard, "9780306406157"));
        let call = identify(vec![card(), email("anna@example.net")]);
        let answer = server.customers.clone().identify_customer(with_token(DESK_TOKEN, call)).await;
        let anna = answer.unwrap().into_inner().customer.unwrap();
        let proofs: Vec<_> =
            anna.identifiers.iter().map(|it| (it.kind(), it.verification())).collect();
        assert!(proofs.contains(&(Kind::LoyaltyCard, Verification::Verified)), "{proofs:?}");
        assert!(proofs.contains(&(Kind::Email, Verification::Claimed)), "{proofs:?}");

        let call = identify(vec![card(), verified(email("anna@example.net"))]);
        let answer = server.customers.clone().identify_customer(with_token(DESK_TOKEN, call)).await;
        assert_eq!(refusal(answer), denied("identifiers[1].verified"));
        // Invalid fields are reported first: the permission for an invalid call does not matter.
        let call = identify(vec![verified(email("anna@example.net")), email("anna@")]);
        let answer = server.customers.clone().identify_customer(with_token(DESK_TOKEN, call)).await;
        assert_eq!(refusal(answer), Refusal::invalid(["identifiers[1].value"]));
        let first = by(vec![verified(account("anna"))], note("x"));
        let batch =
            pb::BatchRecordEntriesRequest { requests: vec![first.clone(), by(vec![], note("x"))] };
        let answer = server.timeline.clone().batch_record_entries(batch).await;
        assert_eq!(refusal(answer), Refusal::invalid(["requests[1].customer_id"]));
        let batch =
            pb::BatchRecordEntriesRequest { requests: vec![by(vec![card()], note("x")); 2] };
        let answer = server.timeline.clone().batch_record_entries(batch).await;
        assert_eq!(refusal(answer), denied("requests[0].identifiers[0].verified"));
        assert_eq!(server.not_recorded(first).await, denied("identifiers[0].verified"));

        // A read makes no claim that could be verified.
        assert_eq!(server.named_by(verified(email("anna@example.net"))).await.id, anna.id);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_value_of_a_profile_has_its_source_and_its_proof() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.known(account("anna"), named("Anna", "")).await;
        let source = |field: pb::ProfileField, verified, source: &str| pb::ProfileSource {
            field: field.into(),
            customer_id: anna.id.clone(),
            given_at: Some(at(0)),
            verified,
            source: source.to_owned(),
        };
        let given = source(pb::ProfileField::GivenName, true, "shop");
        assert_eq!(anna.profile_sources, std::slice::from_ref(&given));

        let mut entry = by(vec![account("anna")], note("x"));
        entry.profile = Some(named("", "de Wit"));
        server.recorded(entry).await;
        let family = source(pb::ProfileField::FamilyName, false, "test");
        assert_eq!(server.customer(&anna.id).await.profile_sources, [given, family]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_entry_tells_who_changed_the_identity() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let mut customers = server.customers.clone();
        let of = |value: &str| link(&anna.id, email(value));
        customers.link_identifier(by_person("karin", of("a@example.net"))).await.unwrap();
        customers.link_identifier(by_shop(of("b@example.net"))).await.unwrap();
        customers.link_identifier(of("c@example.net")).await.unwrap();
        // A name as it is, in its own letters.
        let mut call = Request::new(of("d@example.net"));
        let name = MetadataValue::<Ascii>::try_from("Åse Ødegård".as_bytes()).unwrap();
        call.metadata_mut().insert("throughline-actor", name);
        customers.link_identifier(call).await.unwrap();
        // One that is empty is none.
        let mut call = by_shop(of("e@example.net"));
        call.metadata_mut().insert("throughline-actor", "".parse().unwrap());
        customers.link_identifier(call).await.unwrap();

        let timeline = server.timeline_of(&anna.id).await;
        let mut told: Vec<(String, &str)> = changes(&timeline)
            .into_iter()
            .map(|(_, it)| (it.identifier.clone().unwrap().value, it.actor.as_str()))
            .collect();
        told.sort();
        let actors: Vec<_> = told.into_iter().map(|(_, actor)| actor).collect();
        assert_eq!(actors, ["karin", "shop", "local", "Åse Ødegård", "shop"]);
        server.stop().await;
    })
    .await;
}

/// Each caller has its own idempotency keys: one caller's answer is not returned to another.
#[tokio::test]
async fn a_request_id_belongs_to_its_caller() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let bert = server.made(vec![account("bert")]).await;
        let mut timeline = server.timeline.clone();
        let first = by_request_id(to(&anna.id, note("of Anna")));
        let mut second = by_request_id(to(&bert.id, note("of Bert")));
        second.request_id.clone_from(&first.request_id);
        let of_local = timeline.record_entry(first.clone()).await.unwrap().into_inner();
        let of_shop = timeline.record_entry(by_shop(second)).await.unwrap().into_inner();
        assert_eq!((&of_local.customer_id, &of_shop.customer_id), (&anna.id, &bert.id));
        let other = with_token(DESK_TOKEN, first.clone());
        let of_desk = timeline.record_entry(other).await.unwrap().into_inner();
        assert!(!of_desk.already_recorded);
        assert!(timeline.record_entry(first).await.unwrap().into_inner().already_recorded);
        assert_eq!(server.all(list(&anna.id)).await.len(), 2);
        server.stop().await;
    })
    .await;
}
