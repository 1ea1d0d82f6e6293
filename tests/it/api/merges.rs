//! MergeCustomers, ApproveMerge and SetMergeExclusion.

use throughline::{
    model::MAX_RECORDS,
    pb::{self, ProfileField, identity_change::Change, merge_conflict::Kind},
};
use tonic::Code;

use crate::{
    calls::{Refusal, account, at, bought, by, email, identify, note, refusal, to},
    identity::{
        approve, by_person, by_shop, changes, dry_run, exclude_merge, link, merge, named, values,
        verified,
    },
    support::{RowCounter, Server, on_both},
};

fn refused(code: Code, reason: &str) -> Refusal {
    Refusal::new(code, reason, [])
}

#[tokio::test]
async fn two_become_one_and_both_ids_answer() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.known(email("anna@example.net"), named("Anna", "de Wit")).await;
        let other = server.known(account("awit"), named("A.", "")).await;
        let first = server.recorded(to(&anna.id, note("of the first"))).await;
        let second = server.recorded(to(&other.id, note("of the second"))).await;
        let call = by_person("karin", merge(&anna.id, &other.id));
        let answer = server.customers.clone().merge_customers(call).await.unwrap().into_inner();

        let made = answer.merge.unwrap();
        let wanted = pb::Merge {
            id: made.id.clone(),
            into_customer_id: anna.id.clone(),
            from_customer_id: other.id.clone(),
            merged_at: Some(at(0)),
            actor: "karin".to_owned(),
            reason: "one person".to_owned(),
            evidence: vec!["the same card shown in the store".to_owned()],
            approved_by: String::new(),
        };
        assert_eq!(made, wanted);
        let customer = answer.customer.unwrap();
        assert_eq!(customer.id, anna.id);
        assert_eq!(customer.record_ids, [anna.id.clone(), other.id.clone()]);
        assert_eq!(customer.merges, [wanted]);
        assert_eq!(values(&customer), ["anna@example.net", "awit"]);
        assert_ne!(customer.etag, anna.etag);
        assert_eq!((answer.entries, answer.conflicts), (vec![], vec![]));

        // In either direction.
        assert_eq!(server.customer(&anna.id).await, customer);
        assert_eq!(server.customer(&other.id).await, customer);
        assert_eq!(server.named_by(account("awit")).await, customer);
        assert_eq!(server.identified(vec![account("awit")]).await.customer, Some(customer.clone()));
        let timeline = server.timeline_of(&other.id).await;
        assert_eq!(server.timeline_of(&anna.id).await, timeline);
        let ids: Vec<_> = timeline.iter().map(|it| it.id.as_str()).collect();
        for id in [&first.entry_id, &second.entry_id, &made.id] {
            assert!(ids.contains(&id.as_str()), "{id}");
        }
        assert_eq!(timeline.len(), 3);
        let [(Change::Merged, told)] = changes(&timeline)[..] else { panic!("{timeline:?}") };
        assert_eq!((&told.other_customer_id, &told.merge_id), (&anna.id, &made.id));

        // An entry goes to the record that is named, and reports the canonical one.
        let entry = server.recorded(to(&other.id, note("after it"))).await;
        assert_eq!((&entry.customer_id, &entry.record_id), (&anna.id, &other.id));
        let get =
            pb::GetEntryRequest { customer_id: anna.id.clone(), entry_id: entry.entry_id.clone() };
        let got = server.timeline.clone().get_entry(get).await.unwrap().into_inner();
        assert_eq!(got.entry.unwrap().customer_id, other.id);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn each_value_of_the_profile_has_its_record() {
    on_both(async |database| {
        let server = Server::start(database).await;
        // One is claimed, the other verified; and only the first has the family name.
        let call = pb::IdentifyCustomerRequest {
            profile: Some(named("Ann", "de Wit")),
            ..identify(vec![email("anna@example.net")])
        };
        let answer = server.customers.clone().identify_customer(call).await.unwrap();
        let claimed = answer.into_inner().customer.unwrap();
        let proven = server.known(account("awit"), named("Anna", "")).await;
        let records = |customer: &pb::Customer| -> Vec<(ProfileField, String)> {
            let sources = customer.profile_sources.iter();
            sources.map(|it| (it.field(), it.customer_id.clone())).collect()
        };
        let of = |field, customer: &pb::Customer| (field, customer.id.clone());

        let chosen = pb::ProfileChoice {
            field: ProfileField::GivenName.into(),
            customer_id: claimed.id.clone(),
        };
        let look = pb::MergeCustomersRequest {
            profile_choices: vec![chosen.clone()],
            ..dry_run(&claimed.id, &proven.id)
        };
        let looked = server.merged(look).await.customer.unwrap();
        assert_eq!(looked.profile, Some(named("Ann", "de Wit")));

        let merged = server.merged(merge(&claimed.id, &proven.id)).await.customer.unwrap();
        assert_eq!(merged.profile, Some(named("Anna", "de Wit")));
        let sources =
            [of(ProfileField::GivenName, &proven), of(ProfileField::FamilyName, &claimed)];
        assert_eq!(records(&merged), sources);

        server.unmerged(&merged.merges[0].id).await;
        let call = pb::MergeCustomersRequest {
            profile_choices: vec![chosen],
            ..merge(&claimed.id, &proven.id)
        };
        let merged = server.merged(call).await.customer.unwrap();
        assert_eq!(merged.profile, Some(named("Ann", "de Wit")));

        // A value of another customer cannot be chosen.
        server.unmerged(&merged.merges[0].id).await;
        let nobody = server.made(vec![account("nobody")]).await;
        for dry in [true, false] {
            let call = pb::MergeCustomersRequest {
                profile_choices: vec![pb::ProfileChoice {
                    field: ProfileField::GivenName.into(),
                    customer_id: nobody.id.clone(),
                }],
                dry_run: dry,
                ..merge(&claimed.id, &proven.id)
            };
            let answer = server.customers.clone().merge_customers(call).await;
            assert_eq!(refusal(answer), Refusal::invalid(["profile_choices[0].customer_id"]));
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_shows_what_would_be_and_changes_nothing() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.known(verified(account("anna")), named("Anna", "de Wit")).await;
        let other = server.known(verified(account("awit")), named("Anja", "de Wit")).await;
        for number in 0..15 {
            for customer in [&anna, &other] {
                server.recorded(to(&customer.id, note(format!("note {number}")))).await;
            }
        }
        for customer in [&anna, &other] {
            server.recorded(to(&customer.id, bought("W-1"))).await;
        }
        let apart = exclude_merge(&anna.id, &other.id);
        customers.set_merge_exclusion(apart).await.unwrap();
        let before = (server.customer(&anna.id).await, server.customer(&other.id).await);
        let mut rows = RowCounter::of(database).await;
        let counted = rows.count().await;

        let looked = server.merged(dry_run(&anna.id, &other.id)).await;
        let mut conflicts: Vec<_> =
            looked.conflicts.iter().map(|it| (it.kind(), it.field.as_str())).collect();
        conflicts.sort_unstable();
        let wanted = [
            (Kind::FieldDiffers, "given_name"),
            (Kind::NeedsApproval, ""),
            (Kind::MergeExcluded, ""),
            (Kind::SameOrderNumber, "W-1"),
        ];
        assert_eq!(conflicts, wanted);
        let customer = looked.customer.unwrap();
        assert_eq!((&customer.id, customer.revision, &*customer.etag), (&anna.id, 0, ""));
        assert_eq!(customer.record_ids, [anna.id.clone(), other.id.clone()]);
        assert_eq!(values(&customer), ["anna", "awit"]);
        let merge = looked.merge.unwrap();
        assert_eq!((&*merge.id, merge.merged_at), ("", None));
        assert_eq!((&merge.into_customer_id, &merge.from_customer_id), (&anna.id, &other.id));
        let both = [&anna.id, &other.id];
        assert_eq!(looked.entries.len(), 20);
        assert!(both.iter().all(|id| looked.entries.iter().any(|it| it.customer_id == **id)));

        assert_eq!(rows.count().await, counted);
        let after = (server.customer(&anna.id).await, server.customer(&other.id).await);
        assert_eq!(after, before);
        // A record that has been merged stands for its customer.
        let part = server.made(vec![email("part@example.net")]).await;
        server.merged(self::merge(&other.id, &part.id)).await;
        let looked = server.merged(dry_run(&part.id, &anna.id)).await;
        let merge = looked.merge.unwrap();
        assert_eq!((&merge.into_customer_id, &merge.from_customer_id), (&other.id, &anna.id));
        assert_eq!(looked.customer.unwrap().record_ids.len(), 3);
        // Its fields are validated all the same, as far as possible.
        let wrong = pb::MergeCustomersRequest {
            request_id: "4711".to_owned(),
            reason: "x".repeat(501),
            evidence: vec![" ".to_owned()],
            ..dry_run(&anna.id, &other.id)
        };
        let fields = ["request_id", "reason", "evidence[0]"];
        assert_eq!(refusal(customers.merge_customers(wrong).await), Refusal::invalid(fields));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_retry_of_a_merge_is_the_same_merge() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![email("anna@example.net")]).await;
        let call = merge(&anna.id, &other.id);
        let first = server.merged(call.clone()).await;
        let mut rows = RowCounter::of(database).await;
        let counted = rows.count().await;
        assert_eq!(server.merged(call.clone()).await, first);
        let reused = Refusal::new(Code::InvalidArgument, "REQUEST_ID_REUSED", ["request_id"]);
        let other_reason = pb::MergeCustomersRequest { reason: "no".to_owned(), ..call.clone() };
        assert_eq!(refusal(customers.merge_customers(by_shop(other_reason)).await), reused);
        let already = refused(Code::AlreadyExists, "ALREADY_MERGED");
        for call in
            [merge(&anna.id, &other.id), merge(&other.id, &anna.id), dry_run(&anna.id, &other.id)]
        {
            assert_eq!(refusal(customers.merge_customers(call).await), already);
        }
        assert_eq!(refusal(customers.approve_merge(approve(&anna.id, &other.id)).await), already);
        let apart = exclude_merge(&anna.id, &other.id);
        // An exclusion of two that are already one has no effect.
        let answer = customers.set_merge_exclusion(apart).await;
        assert_eq!(refusal(answer).reason, "ALREADY_MERGED");
        assert_eq!(rows.count().await, counted);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_merge_is_of_the_customers_as_they_were_seen() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![email("anna@example.net")]).await;
        server.recorded(to(&anna.id, note("meanwhile"))).await;
        let now = server.customer(&anna.id).await;
        let stale = refused(Code::Aborted, "STALE_ETAG");
        for dry in [false, true] {
            let first = pb::MergeCustomersRequest {
                etag: anna.etag.clone(),
                dry_run: dry,
                ..merge(&anna.id, &other.id)
            };
            assert_eq!(refusal(customers.merge_customers(first).await), stale);
            let second = pb::MergeCustomersRequest {
                other_etag: anna.etag.clone(),
                dry_run: dry,
                ..merge(&other.id, &anna.id)
            };
            assert_eq!(refusal(customers.merge_customers(second).await), stale);
        }
        let call = pb::MergeCustomersRequest {
            etag: now.etag,
            other_etag: other.etag,
            ..merge(&anna.id, &other.id)
        };
        let merged = server.merged(call).await.customer.unwrap();

        // The etag of several records covers all of them: an entry of either makes it stale.
        let update = |etag: &str| pb::UpdateCustomerRequest {
            customer_id: other.id.clone(),
            profile: Some(named("Anna", "")),
            update_mask: Some(prost_types::FieldMask { paths: vec!["given_name".to_owned()] }),
            etag: etag.to_owned(),
            request_id: crate::calls::request_id(),
        };
        server.recorded(to(&other.id, note("later"))).await;
        assert_eq!(refusal(customers.update_customer(update(&merged.etag)).await), stale);
        let now = server.customer(&anna.id).await;
        let updated = customers.update_customer(update(&now.etag)).await.unwrap().into_inner();
        assert_eq!(updated.customer.unwrap().profile, Some(named("Anna", "")));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn different_verified_accounts_need_a_second_person() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.known(verified(account("anna")), named("Anna", "")).await;
        let other = server.known(verified(account("awit")), named("Anna", "")).await;
        let needs = refused(Code::FailedPrecondition, "NEEDS_APPROVAL");
        let by_karin = || by_person("karin", merge(&anna.id, &other.id));
        assert_eq!(refusal(customers.merge_customers(by_karin()).await), needs);
        // Her own approval is not a second one.
        let call = by_person("karin", approve(&other.id, &anna.id));
        customers.approve_merge(call).await.unwrap();
        assert_eq!(refusal(customers.merge_customers(by_karin()).await), needs);
        let call = by_person("piet", approve(&other.id, &anna.id));
        let answer = customers.approve_merge(call.into_inner()).await.unwrap().into_inner();
        assert_eq!(answer.expires_at, Some(at(7 * 24 * 3600)));
        let merged = customers.merge_customers(by_karin()).await.unwrap().into_inner();
        let made = merged.merge.unwrap();
        assert_eq!((made.actor.as_str(), made.approved_by.as_str()), ("karin", "local"));

        // It counted once.
        server.unmerged(&made.id).await;
        assert_eq!(refusal(customers.merge_customers(by_karin()).await), needs);
        // Accounts that are merely claimed, or are of other systems, need none.
        let third = server.known(account("third"), named("Anna", "")).await;
        server.merged(merge(&anna.id, &third.id)).await;
        let outlet = pb::Identifier { namespace: "outlet".to_owned(), ..account("anna.w") };
        let fourth = server.known(verified(outlet), named("Anna", "")).await;
        server.merged(merge(&anna.id, &fourth.id)).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn those_who_are_kept_apart_are_not_merged() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut customers = server.customers.clone();
        let anna = server.made(vec![account("anna")]).await;
        let twin = server.made(vec![email("twin@example.net")]).await;
        let third = server.made(vec![email("third@example.net")]).await;
        server.merged(merge(&twin.id, &third.id)).await;
        let mark = by_person("karin", exclude_merge(&anna.id, &third.id));
        customers.set_merge_exclusion(mark).await.unwrap();
        let apart = refused(Code::FailedPrecondition, "MERGE_EXCLUDED");
        // The exclusion applies to the persons, whichever of their records it was set on.
        let answer = customers.merge_customers(merge(&twin.id, &anna.id)).await;
        assert_eq!(refusal(answer), apart);
        for (id, other) in [(&anna.id, &third.id), (&third.id, &anna.id)] {
            let entries = server.timeline_of(id).await;
            let told = changes(&entries);
            let told = told.iter().find(|(change, _)| *change == Change::MergeExcluded).unwrap().1;
            assert_eq!((&told.other_customer_id, &*told.actor), (other, "karin"));
            assert_eq!(told.reason, "twins");
        }
        let lift = pb::SetMergeExclusionRequest { lift: true, ..exclude_merge(&twin.id, &anna.id) };
        customers.set_merge_exclusion(lift).await.unwrap();
        let entries = server.timeline_of(&anna.id).await;
        let told = changes(&entries);
        assert!(told.iter().any(|(change, _)| *change == Change::MergeExclusionLifted));
        server.merged(merge(&twin.id, &anna.id)).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_customer_has_at_most_100_records() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        for number in 1..MAX_RECORDS {
            let other = server.made(vec![email(format!("anna-{number}@example.net"))]).await;
            server.merged(merge(&anna.id, &other.id)).await;
        }
        let customer = server.customer(&anna.id).await;
        assert_eq!((customer.record_ids.len(), customer.merges.len()), (MAX_RECORDS, 99));
        let one_more = server.made(vec![email("one-more@example.net")]).await;
        let too_many = refused(Code::ResourceExhausted, "TOO_MANY_RECORDS");
        let answer = server.customers.clone().merge_customers(merge(&one_more.id, &anna.id)).await;
        assert_eq!(refusal(answer), too_many);
        let looked = server.merged(dry_run(&anna.id, &one_more.id)).await;
        assert!(looked.conflicts.iter().any(|it| it.kind() == Kind::TooManyRecords));

        // A person is found by any of 100 records.
        let answer = server.identified(vec![email("anna-57@example.net")]).await;
        assert_eq!(answer.customer, Some(customer));
        let entry = server.recorded(by(vec![email("anna-57@example.net")], note("x"))).await;
        assert_eq!(entry.customer_id, anna.id);
        server.linked(link(&entry.record_id, email("new@example.net"))).await;
        assert_eq!(server.named_by(email("new@example.net")).await.id, anna.id);
        server.stop().await;
    })
    .await;
}
