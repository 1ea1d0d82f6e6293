//! UnmergeCustomers: what a merge joined is separated again, exactly.

use std::collections::BTreeMap;

use throughline::pb::{self, identity_change::Change};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    calls::{Refusal, account, bought, email, note, refusal, to},
    identity::{by_person, by_shop, changes, merge, named, unmerge, values},
    support::{RowCounter, Server, on_both},
};

/// A customer, without the fields that every write changes.
fn state(customer: &pb::Customer) -> pb::Customer {
    pb::Customer { revision: 0, etag: String::new(), ..customer.clone() }
}

/// The entries of a customer, without those about merges.
async fn story(server: &Server, customer: &pb::Customer) -> BTreeMap<String, pb::Entry> {
    let entries = server.timeline_of(&customer.id).await;
    let told: Vec<_> = entries.iter().filter(|it| changes(&[(*it).clone()]).is_empty()).collect();
    told.into_iter().map(|it| (it.id.clone(), it.clone())).collect()
}

#[tokio::test]
async fn what_was_before_is_again_and_what_came_meanwhile_stays() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.known(email("anna@example.net"), named("Anna", "de Wit")).await;
        let other = server.known(account("awit"), named("Anja", "")).await;
        server.recorded(to(&anna.id, bought("W-1"))).await;
        server.recorded(to(&other.id, bought("W-1"))).await;
        let before = [server.customer(&anna.id).await, server.customer(&other.id).await];
        let stories = [story(&server, &anna).await, story(&server, &other).await];

        let merge_id = server.merge_of(&anna.id, &other.id).await;
        let answer = server.unmerged(&merge_id).await;
        let after = [answer.customer.unwrap(), answer.other_customer.unwrap()];
        assert_eq!(after.each_ref().map(state), before.each_ref().map(state));
        assert_eq!(after, [server.customer(&anna.id).await, server.customer(&other.id).await]);
        assert_eq!([story(&server, &anna).await, story(&server, &other).await], stories);
        for (customer, now) in before.iter().zip(&after) {
            assert!(now.revision > customer.revision);
            assert_ne!(now.etag, customer.etag);
        }

        // Meanwhile: an entry of each, and an identifier.
        let merge_id = server.merge_of(&anna.id, &other.id).await;
        let of_anna = server.recorded(to(&anna.id, note("meanwhile, of Anna"))).await;
        let of_other = server.recorded(to(&other.id, note("meanwhile, of the other"))).await;
        assert_eq!(of_other.customer_id, anna.id);
        server.identified(vec![account("awit"), email("awit@example.net")]).await;
        let call = by_person("karin", unmerge(&merge_id));
        server.customers.clone().unmerge_customers(call).await.unwrap();
        let [of_anna, of_other] = [of_anna.entry_id, of_other.entry_id];
        let (now_anna, now_other) = (story(&server, &anna).await, story(&server, &other).await);
        assert!(now_anna.contains_key(&of_anna) && !now_anna.contains_key(&of_other));
        assert!(now_other.contains_key(&of_other) && !now_other.contains_key(&of_anna));
        assert_eq!((now_anna.len(), now_other.len()), (2, 2));
        assert_eq!(values(&server.customer(&anna.id).await), ["anna@example.net"]);
        assert_eq!(values(&server.customer(&other.id).await), ["awit", "awit@example.net"]);

        // Both tell of it.
        for (one, two) in [(&anna, &other), (&other, &anna)] {
            let entries = server.timeline_of(&one.id).await;
            let told: Vec<_> = changes(&entries)
                .into_iter()
                .filter(|(change, it)| *change == Change::Unmerged && it.merge_id == merge_id)
                .collect();
            let [(_, told)] = told[..] else { panic!("{told:?}") };
            assert_eq!((&told.other_customer_id, told.actor.as_str()), (&two.id, "karin"));
            assert_eq!(told.reason, "father and son");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_changes_nothing_and_a_second_unmerge_is_told() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![email("anna@example.net")]).await;
        let merge_id = server.merge_of(&anna.id, &other.id).await;
        let call = pb::UnmergeCustomersRequest { exclude_merge: true, ..unmerge(&merge_id) };
        let first = customers.unmerge_customers(by_shop(call.clone())).await.unwrap().into_inner();
        let mut rows = RowCounter::of(database).await;
        let counted = rows.count().await;
        let again = customers.unmerge_customers(by_shop(call.clone())).await.unwrap().into_inner();
        assert_eq!(again, first);
        let reused = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let changed = pb::UnmergeCustomersRequest { exclude_merge: false, ..call };
        assert_eq!(refusal(customers.unmerge_customers(by_shop(changed)).await), reused);
        let already = Refusal::new(Code::FailedPrecondition, "ALREADY_UNMERGED", []);
        assert_eq!(refusal(customers.unmerge_customers(unmerge(&merge_id)).await), already);
        let unknown = Refusal::new(Code::NotFound, "MERGE_NOT_FOUND", []);
        let nothing = unmerge("0190f3c4-7b1a-7cc0-8000-00000000beef");
        assert_eq!(refusal(customers.unmerge_customers(nothing).await), unknown);
        // The two are excluded from being merged, as requested.
        let apart = Refusal::new(Code::FailedPrecondition, "MERGE_EXCLUDED", []);
        assert_eq!(refusal(customers.merge_customers(merge(&anna.id, &other.id)).await), apart);
        assert_eq!(rows.count().await, counted);
        server.stop().await;
    })
    .await;
}

/// A later merge that depends on this one must be undone first; one that does not, stays.
#[tokio::test]
async fn later_merges_that_depend_on_one_are_named() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut ids = Vec::new();
        for name in ["a", "b", "c", "d"] {
            ids.push(server.made(vec![email(format!("{name}@example.net"))]).await.id);
        }
        let [a, b, c, d] = &ids[..] else { unreachable!() };
        let first = server.merge_of(a, b).await;
        // Requested for the record that came with the first merge: without it there is no reason.
        let by_way = server.merge_of(d, b).await;
        let beside = server.merge_of(d, c).await;
        let status = server.customers.clone().unmerge_customers(unmerge(&first)).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        let details = status.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "MERGE_IN_USE");
        assert_eq!(info.metadata.get("merge_ids"), Some(&by_way));
        assert_eq!(server.customer(b).await.record_ids.len(), 4);

        server.unmerged(&by_way).await;
        assert_eq!(server.customer(b).await.record_ids, [a.clone(), b.clone()]);
        let apart = server.unmerged(&first).await;
        let records = |customer: &pb::Customer| {
            let mut records = customer.record_ids.clone();
            records.sort();
            records
        };
        assert_eq!(records(&apart.other_customer.unwrap()), std::slice::from_ref(b));
        assert_eq!(records(&server.customer(a).await), std::slice::from_ref(a));
        let mut rest = vec![c.clone(), d.clone()];
        rest.sort();
        let rest_now = server.customer(c).await;
        assert_eq!(records(&rest_now), rest);
        assert_eq!((rest_now.merges.len(), &rest_now.merges[0].id), (1, &beside));
        server.stop().await;
    })
    .await;
}
