//! IdentifyCustomer and GetCustomer.

use std::collections::BTreeSet;

use throughline::pb::{
    self, IdentifierKind as Kind, customer_service_client::CustomerServiceClient,
    get_customer_request::Customer,
};
use tonic::Code;

use crate::{
    calls::{Refusal, account, email, identifier, identify, refusal},
    support::{Server, on_both},
};

fn values(customer: &pb::Customer) -> BTreeSet<&str> {
    customer.identifiers.iter().map(|it| it.value.as_str()).collect()
}

/// The customer of an answer, and its identifiers.
fn claims(answer: &pb::IdentifyCustomerResponse) -> (&String, &Vec<pb::CustomerIdentifier>) {
    let customer = answer.customer.as_ref().unwrap();
    (&customer.id, &customer.identifiers)
}

fn conflict(index: i32, customer: &pb::Customer) -> pb::IdentifierConflict {
    pb::IdentifierConflict { index, customer_id: customer.id.clone() }
}

#[tokio::test]
async fn a_new_customer_is_made_and_a_known_one_is_found() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = server.identified(vec![email("Anna@Example.net")]).await;
        let anna = first.customer.unwrap();
        assert!(first.created);
        assert_eq!((anna.revision, first.conflicts.len()), (1, 0));

        let again = server.identified(vec![email("anna@example.net")]).await;
        assert!(!again.created);
        assert_eq!(again.customer.as_ref(), Some(&anna), "a call that brings nothing new");

        // New identifiers are linked to the customer found, and then identify it too.
        let more = server.identified(vec![email("anna@example.net"), account("anna")]).await;
        let more = more.customer.unwrap();
        assert_eq!((&more.id, more.revision), (&anna.id, 2));
        assert_ne!(more.etag, anna.etag);
        assert_eq!(values(&more), ["anna", "anna@example.net"].into());
        let by_account = server.identified(vec![account("anna")]).await;
        assert_eq!(by_account.customer, Some(more.clone()));
        assert_eq!(server.customer(&anna.id).await, more);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn get_makes_nothing() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let mut get = async |customer| {
            customers.get_customer(pb::GetCustomerRequest { customer: Some(customer) }).await
        };
        let not_found = Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []);
        let by_account = || Customer::Identifier(account("anna"));
        assert_eq!(refusal(get(by_account()).await), not_found);
        assert_eq!(refusal(get(by_account()).await), not_found, "and made nobody");
        let unknown = Customer::CustomerId("0190f3c4-7b1a-7cc0-8000-00000000beef".to_owned());
        assert_eq!(refusal(get(unknown).await), not_found);

        let made = server.identified(vec![account("anna")]).await;
        assert!(made.created);
        let got = get(by_account()).await.unwrap().into_inner();
        assert_eq!(got.customer, made.customer);
        server.stop().await;
    })
    .await;
}

/// Nothing is linked if identifiers belong to different customers; the strongest decides.
#[tokio::test]
async fn conflicts_are_named_and_nothing_is_linked() {
    let kinds = [
        (Kind::CustomerNumber, "1001"),
        (Kind::Account, "anna"),
        (Kind::LoyaltyCard, "9780306406157"),
        (Kind::External, "crm-7"),
        (Kind::Email, "anna@example.net"),
        (Kind::Social, "10203040"),
        (Kind::Phone, "+31612345678"),
        (Kind::Cookie, "c0ffee-c0ffee-c0ffee"),
    ];
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut owned = Vec::new();
        for (kind, value) in kinds {
            let mut identifier = identifier(kind, value);
            if matches!(kind, Kind::External | Kind::Social) {
                identifier.namespace = "one".to_owned();
            }
            let made = server.identified(vec![identifier.clone()]).await;
            assert!(made.created);
            owned.push((identifier, made.customer.unwrap()));
        }
        // The weaker first, so that the order of the call cannot decide.
        for pair in owned.windows(2) {
            let [(strong, of_strong), (weak, of_weak)] = pair else { unreachable!() };
            let call = vec![weak.clone(), email("bert.smit@example.net"), strong.clone()];
            let answer = server.identified(call).await;
            assert_eq!(claims(&answer), (&of_strong.id, &of_strong.identifiers), "{strong:?}");
            assert_eq!(answer.conflicts, [conflict(0, of_weak)], "{weak:?}");
        }
        let all = owned.iter().rev().map(|(identifier, _)| identifier.clone()).collect();
        let answer = server.identified(all).await;
        assert_eq!(claims(&answer), (&owned[0].1.id, &owned[0].1.identifiers));
        let others: Vec<_> = owned[1..].iter().rev().map(|(_, customer)| customer).collect();
        let named: Vec<_> = (0..).zip(others).map(|(index, it)| conflict(index, it)).collect();
        assert_eq!(answer.conflicts, named);

        let nobody = server.identified(vec![email("bert.smit@example.net")]).await;
        assert!(nobody.created, "the new identifier was linked to somebody");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn of_two_of_one_kind_the_first_decides() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let one = server.identified(vec![account("one")]).await.customer.unwrap();
        let two = server.identified(vec![account("two")]).await.customer.unwrap();
        let answer = server.identified(vec![account("two"), account("one")]).await;
        assert_eq!(claims(&answer), (&two.id, &two.identifiers));
        assert_eq!(answer.conflicts, [conflict(1, &one)]);
        // What was refused is noted once.
        let noted = answer.customer.unwrap();
        assert!(noted.revision > two.revision);
        let again = server.identified(vec![account("two"), account("one")]).await;
        assert_eq!(again.customer, Some(noted));
        let answer = server.identified(vec![account("one"), account("two")]).await;
        assert_eq!(claims(&answer), (&one.id, &one.identifiers));
        assert_eq!(answer.conflicts, [conflict(1, &two)]);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_profile_fills_what_is_empty_and_no_more() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let fill = async |profile: pb::Profile| {
            let call = pb::IdentifyCustomerRequest {
                profile: Some(profile),
                ..identify(vec![account("anna")])
            };
            let answer = server.customers.clone().identify_customer(call).await.unwrap();
            answer.into_inner().customer.unwrap()
        };
        let given = pb::Profile { given_name: "Anna".to_owned(), ..Default::default() };
        let customer = fill(given.clone()).await;
        assert_eq!(customer.profile.as_ref(), Some(&given));

        let address = pb::PostalAddress { postcode: "1234 AB".to_owned(), ..Default::default() };
        let more = pb::Profile {
            given_name: "Hanna".to_owned(),
            family_name: "de Wit".to_owned(),
            address: Some(address.clone()),
            ..Default::default()
        };
        let customer = fill(more).await;
        let profile = customer.profile.clone().unwrap();
        assert_eq!(profile.given_name, "Anna");
        assert_eq!(profile.family_name, "de Wit");
        assert_eq!((profile.address, customer.revision), (Some(address.clone()), 2));

        // An address is never filled in part: a mix of two addresses is nobody's.
        let elsewhere = pb::PostalAddress { locality: "Oslo".to_owned(), ..Default::default() };
        let again = fill(pb::Profile { address: Some(elsewhere), ..Default::default() }).await;
        assert_eq!(again, customer, "a call that fills nothing changes nothing");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn one_new_identifier_at_once_is_one_customer() {
    on_both(async |database| {
        let servers = [Server::start(database).await, Server::start(database).await];
        for round in 0..10 {
            let mut calls = tokio::task::JoinSet::new();
            for caller in 0..16 {
                let mut client =
                    CustomerServiceClient::new(servers[caller % servers.len()].connect().await);
                let mut identifiers = vec![account(format!("account-{round}"))];
                if caller % 3 == 0 {
                    identifiers.push(email(format!("{round}-{caller}@example.net")));
                }
                let call = identify(identifiers);
                calls.spawn(async move { client.identify_customer(call).await.unwrap() });
            }
            let answers = calls.join_all().await;
            let answers: Vec<_> = answers.into_iter().map(tonic::Response::into_inner).collect();
            let ids: BTreeSet<_> =
                answers.iter().map(|it| it.customer.as_ref().unwrap().id.as_str()).collect();
            assert_eq!(ids.len(), 1, "{ids:?}");
            assert_eq!(answers.iter().filter(|it| it.created).count(), 1);
            // The account, and an address for callers 0, 3, 6, 9, 12 and 15.
            let customer = servers[0].customer(ids.first().unwrap()).await;
            assert_eq!(customer.identifiers.len(), 7);
        }
        for server in servers {
            server.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_customer_has_at_most_200_identifiers() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let numbered = |from: usize, to: usize| -> Vec<pb::Identifier> {
            (from..to).map(|it| account(format!("account-{it}"))).collect()
        };
        let made = server.identified(numbered(0, 199)).await.customer.unwrap();
        // The same new identifier twice counts once.
        let twice = vec![account("account-0"), account("account-199"), account("account-199")];
        let full = server.identified(twice).await.customer.unwrap();
        assert_eq!((&full.id, full.identifiers.len()), (&made.id, 200));

        let too_many = Refusal::new(Code::ResourceExhausted, "TOO_MANY_IDENTIFIERS", []);
        let mut customers = server.customers.clone();
        let one_more = identify(vec![account("account-0"), account("account-200")]);
        assert_eq!(refusal(customers.identify_customer(one_more).await), too_many);
        let in_a_call = identify(numbered(300, 501));
        assert_eq!(refusal(customers.identify_customer(in_a_call).await), too_many);
        // Existing ones do not count again.
        let known = server.identified(numbered(0, 200)).await;
        assert_eq!(known.customer, Some(full));
        assert!(server.identified(numbered(200, 201)).await.created);
        server.stop().await;
    })
    .await;
}
