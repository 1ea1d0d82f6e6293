//! An identifier that several people have identifies none of them: there are candidates, and no
//! guess.

use throughline::pb::{
    self, IdentifierKind as Kind, IdentifierVerification as Verification,
    get_customer_request::Customer, list_timeline_request, search_timeline_request,
};
use tonic::Code;

use crate::{
    calls::{Refusal, account, at, by, email, identifier, identify, note, refusal},
    identity::{by_shop, link, named, values, verified},
    support::{RowCounter, Server, on_both},
};

fn phone(value: &str) -> pb::Identifier {
    identifier(Kind::Phone, value)
}

fn shared(customer_id: &str, identifier: pb::Identifier) -> pb::LinkIdentifierRequest {
    pb::LinkIdentifierRequest { shared: true, ..link(customer_id, identifier) }
}

fn candidate(
    customer: &pb::Customer,
    indices: &[i32],
    verification: Verification,
) -> pb::CustomerCandidate {
    pb::CustomerCandidate {
        customer_id: customer.id.clone(),
        identifier_indices: indices.to_vec(),
        verification: verification.into(),
        last_seen_at: Some(at(0)),
        profile_match: None,
    }
}

#[tokio::test]
async fn a_shared_phone_gives_candidates_and_never_a_guess() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let family = || phone("+31612345678");
        let anna = server.made(vec![account("anna"), email("anna@example.net")]).await;
        let bert = server.made(vec![account("bert")]).await;
        for customer in [&anna, &bert] {
            let answer = server.linked(shared(&customer.id, family())).await;
            assert_eq!(answer.identifier.unwrap().verification(), Verification::Shared);
        }
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;

        let answer = server.identified(vec![family()]).await;
        assert_eq!((answer.customer, answer.created), (None, false));
        let mut candidates = answer.candidates;
        candidates.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
        let mut both: Vec<_> =
            [&anna, &bert].map(|it| candidate(it, &[0], Verification::Shared)).to_vec();
        both.sort_by(|a, b| a.customer_id.cmp(&b.customer_id));
        assert_eq!(candidates, both);

        // Nor does any read or entry take one of them.
        let ambiguous = Refusal::new(Code::FailedPrecondition, "IDENTIFIER_AMBIGUOUS", []);
        assert_eq!(server.not_recorded(by(vec![family()], note("x"))).await, ambiguous);
        let get = pb::GetCustomerRequest { customer: Some(Customer::Identifier(family())) };
        assert_eq!(refusal(server.customers.clone().get_customer(get).await), ambiguous);
        let list = pb::ListTimelineRequest {
            customer: Some(list_timeline_request::Customer::Identifier(family())),
            ..Default::default()
        };
        assert_eq!(refusal(server.timeline.clone().list_timeline(list).await), ambiguous);
        let search = pb::SearchTimelineRequest {
            query: "television".to_owned(),
            customer: Some(search_timeline_request::Customer::Identifier(family())),
            ..Default::default()
        };
        assert_eq!(refusal(server.timeline.clone().search_timeline(search).await), ambiguous);
        assert_eq!(rows.count().await, before);

        // Next to a unique identifier it does no harm, and is not refused.
        let answer = server.identified(vec![family(), account("bert")]).await;
        assert_eq!(answer.customer.unwrap().id, bert.id);
        assert_eq!((answer.conflicts, answer.candidates), (vec![], vec![]));
        server.stop().await;
    })
    .await;
}

/// The phone of a family belongs to all of them, not to the one who is known first.
#[tokio::test]
async fn what_is_shared_names_nobody_even_where_one_alone_has_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        server.linked(shared(&anna.id, phone("+31612345678"))).await;
        let answer = server.identified(vec![phone("+31612345678")]).await;
        assert_eq!((answer.customer, answer.created), (None, false));
        assert_eq!(answer.candidates, [candidate(&anna, &[0], Verification::Shared)]);
        // With an identifier of their own, a new person is a new customer, and uses the phone too.
        let bert = server.identified(vec![phone("+31612345678"), account("bert")]).await;
        assert!(bert.created);
        let bert = bert.customer.unwrap();
        assert_eq!(values(&bert), ["+31612345678", "bert"]);
        assert_eq!(server.identified(vec![phone("+31612345678")]).await.candidates.len(), 2);
        server.stop().await;
    })
    .await;
}

/// A customer with another account than the call's is another customer, whatever they have in
/// common.
#[tokio::test]
async fn two_accounts_with_one_address_are_two_customers() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let info = || email("office@example.net");
        let anna = server.made(vec![account("anna"), info()]).await;
        let bert = server.identified(vec![info(), account("bert")]).await;
        assert!(bert.created);
        let named = pb::IdentifierConflict { index: 0, customer_id: anna.id.clone() };
        assert_eq!(bert.conflicts, [named]);
        let bert = bert.customer.unwrap();
        assert_eq!(values(&bert), ["bert", "office@example.net"]);

        // Both claim it now: by itself it identifies neither.
        let answer = server.identified(vec![info()]).await;
        assert_eq!((answer.customer, answer.candidates.len()), (None, 2));
        // An account of another shop may still be hers, but that is not known.
        let elsewhere = pb::Identifier { namespace: "outlet".to_owned(), ..account("anna.w") };
        let third = server.identified(vec![info(), elsewhere]).await;
        assert!(third.created);
        assert_eq!(third.conflicts, []);
        // Each is found by their own identifier, as before.
        assert_eq!(server.named_by(account("anna")).await.id, anna.id);
        assert_eq!(server.named_by(account("bert")).await.id, bert.id);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_verified_value_names_its_customer_whoever_else_claims_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mailbox = || email("anna@example.net");
        let anna = server.made(vec![account("anna"), mailbox()]).await;
        let bert = server.made(vec![account("bert")]).await;
        server.linked(link(&bert.id, mailbox())).await;
        assert_eq!(server.identified(vec![mailbox()]).await.candidates.len(), 2);

        let answer = server.linked(link(&anna.id, verified(mailbox()))).await;
        assert_eq!(answer.identifier.unwrap().verification(), Verification::Verified);
        let found = server.identified(vec![mailbox()]).await;
        assert_eq!((found.customer.unwrap().id, found.candidates.len()), (anna.id.clone(), 0));
        assert_eq!(server.named_by(mailbox()).await.id, anna.id);
        let entry = server.recorded(by(vec![mailbox()], note("x"))).await;
        assert_eq!((&entry.customer_id, &entry.record_id), (&anna.id, &anna.id));

        // Verifying it for the other customer is refused; nothing is taken over silently.
        let other = identify(vec![account("bert"), verified(mailbox())]);
        let answer = server.customers.clone().identify_customer(by_shop(other)).await.unwrap();
        let answer = answer.into_inner();
        assert_eq!(answer.customer.unwrap().id, bert.id);
        let named = pb::IdentifierConflict { index: 1, customer_id: anna.id.clone() };
        assert_eq!(answer.conflicts, [named]);
        assert_eq!(server.named_by(mailbox()).await.id, anna.id);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn candidates_are_at_most_20_with_those_first_who_have_more() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let (desk, mailbox) = (|| phone("+31201234567"), || email("desk@example.net"));
        let mut last = None;
        for number in 0..25 {
            let customer = server.made(vec![account(format!("account-{number}"))]).await;
            server.linked(shared(&customer.id, desk())).await;
            last = Some(customer);
        }
        let last = last.unwrap();
        server.linked(shared(&last.id, mailbox())).await;
        let answer = server.identified(vec![mailbox(), desk()]).await;
        assert_eq!((answer.customer, answer.candidates.len()), (None, 20));
        assert_eq!(answer.candidates[0], candidate(&last, &[0, 1], Verification::Shared));
        server.stop().await;
    })
    .await;
}

/// For a family with one phone, the profile of the call ranks the candidates; there is still no
/// guess.
#[tokio::test]
async fn the_likeliest_by_the_profile_comes_first() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let family = || phone("+31612345678");
        let profile = |given_name: &str, birth_date: &str| pb::Profile {
            birth_date: birth_date.to_owned(),
            ..named(given_name, "van der Velde")
        };
        let mut ids = Vec::new();
        for (name, born) in
            [("Anna", "1979-04-23"), ("Joris", "2009-11-02"), ("Mees", "2011-06-30")]
        {
            let customer = server.known(account(name), profile(name, born)).await;
            server.linked(shared(&customer.id, family())).await;
            ids.push(customer.id);
        }
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        for (place, name, born) in [(0, "Ana", "1979-04-23"), (2, "Mees", "2011-06-30")] {
            let call = pb::IdentifyCustomerRequest {
                profile: Some(profile(name, born)),
                ..identify(vec![family()])
            };
            let answer = server.customers.clone().identify_customer(call).await.unwrap();
            let answer = answer.into_inner();
            assert_eq!((answer.customer, answer.candidates.len()), (None, 3));
            let matches: Vec<f64> =
                answer.candidates.iter().map(|it| it.profile_match.unwrap()).collect();
            assert_eq!(answer.candidates[0].customer_id, ids[place], "{matches:?}");
            assert!(matches.iter().all(|it| (0.0..=1.0).contains(it)), "{matches:?}");
            assert!(matches[0] > 0.5 && matches[1] < 0.1, "{matches:?}");
        }
        assert_eq!(rows.count().await, before);
        server.stop().await;
    })
    .await;
}
