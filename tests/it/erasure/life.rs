//! One erasure: who may request it, its answer, and what is left afterwards.

use prost_types::FieldMask;
use throughline::pb::{
    self, Channel, get_customer_request, get_reask_rate_request::Of,
    watch_timeline_request::Watched, watch_timeline_response::Event,
};
use tonic::Code;

use super::{erase, erased, not_found, store};
use crate::{
    api::cases::{opening, telling},
    calls::{
        Refusal, account, at, by_request_id, email, identify, list, note, refusal, request_id, to,
    },
    identity::{by_shop, exclude_merge, link, merge},
    live::{Watching, resume, watch},
    support::{Server, on_both},
};

const NOBODY: &str = "0190f3c4-7b1a-7cc0-8000-00000000beef";

fn by_id(customer_id: &str) -> pb::GetCustomerRequest {
    let customer = get_customer_request::Customer::CustomerId(customer_id.to_owned());
    pb::GetCustomerRequest { customer: Some(customer) }
}

#[tokio::test]
async fn an_erasure_needs_a_ticket_and_a_customer_and_is_done_once() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let one = server.made(vec![account("one")]).await.id;
        let two = server.made(vec![account("two")]).await.id;
        server.merge_of(&one, &two).await;
        let mut privacy = server.privacy.clone();

        let without = pb::EraseCustomerRequest { ticket: " ".to_owned(), ..erase(&one) };
        let refused = refusal(privacy.erase_customer(without).await);
        assert_eq!(refused, Refusal::invalid(["ticket"]));
        let unknown = refusal(privacy.erase_customer(erase(NOBODY)).await);
        assert_eq!(unknown, not_found());

        let first = erase(&two);
        let done = privacy.erase_customer(first.clone()).await.unwrap().into_inner();
        let certificate = done.certificate.clone().unwrap();
        let mut records = [one.clone(), two.clone()];
        records.sort();
        assert_eq!(certificate.record_ids, records);
        let rows = |table: &str| {
            let found = certificate.removed.iter().find(|it| it.table == table);
            found.map_or(0, |it| it.rows)
        };
        assert_eq!((rows("customers"), rows("identifiers"), rows("merges")), (2, 2, 1));
        for again in [first, erase(&one), erase(&two)] {
            let again = privacy.erase_customer(again).await.unwrap().into_inner();
            assert_eq!(again, done);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_was_erased_is_read_as_nobody_and_not_written_to() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let one = server.made(vec![account("one"), email("one@example.net")]).await.id;
        let two = server.made(vec![account("two")]).await.id;
        let other = server.made(vec![account("other")]).await.id;
        server.merge_of(&one, &two).await;
        let entry = server.recorded(to(&one, note("one"))).await.entry_id;
        server.recorded(to(&one, note("two"))).await;
        let case = server.opened(opening(&two)).await;
        server.told(telling(&case, "fault", "dark")).await;
        let page = pb::ListTimelineRequest { page_size: 1, ..list(&one) };
        let listed = server.timeline.clone().list_timeline(page.clone()).await.unwrap();
        let next =
            pb::ListTimelineRequest { page_token: listed.into_inner().next_page_token, ..page };
        let mut watching = Watching::begin(&server.timeline, watch(&two)).await;
        watching.caught_up().await;
        let pass = pb::IssueCasePassRequest {
            case_id: case.id.clone(),
            channel: Channel::Phone.into(),
            request_id: request_id(),
            ..Default::default()
        };
        let pass = server.cases.clone().issue_case_pass(by_shop(pass)).await.unwrap().into_inner();

        server.erased(&one).await;
        let ended = loop {
            match watching.event().await {
                Ok(Event::Heartbeat(_) | Event::Entry(_)) => {}
                Ok(other) => panic!("{other:?}"),
                Err(status) => break status,
            }
        };
        assert_eq!(ended.code(), Code::NotFound, "{ended:?}");
        let (mut timeline, mut customers) = (server.timeline.clone(), server.customers.clone());
        let mut cases = server.cases.clone();
        for id in [&one, &two] {
            assert_eq!(refusal(customers.get_customer(by_id(id)).await), not_found());
            assert_eq!(refusal(timeline.list_timeline(list(id)).await), not_found());
            let get = pb::GetEntryRequest { customer_id: id.clone(), entry_id: entry.clone() };
            let unknown = pb::GetEntryRequest { customer_id: NOBODY.to_owned(), ..get.clone() };
            let unknown = refusal(timeline.get_entry(unknown).await);
            assert_eq!(refusal(timeline.get_entry(get).await), unknown);
            let of = Some(Of::CustomerId(id.clone()));
            let rate = pb::GetReaskRateRequest { of, ..Default::default() };
            assert_eq!(refusal(cases.get_reask_rate(rate).await), not_found());

            assert_eq!(server.not_recorded(to(id, note("late"))).await, erased());
            let late = by_request_id(to(id, note("late")));
            assert_eq!(server.not_recorded(late).await, erased());
            let linked = customers.link_identifier(by_shop(link(id, account("new")))).await;
            assert_eq!(refusal(linked), erased());
            assert_eq!(
                refusal(customers.merge_customers(by_shop(merge(&other, id))).await),
                erased()
            );
            let apart = exclude_merge(id, &other);
            assert_eq!(refusal(customers.set_merge_exclusion(apart).await), erased());
            assert_eq!(refusal(cases.open_case(by_shop(opening(id))).await), erased());
            let update = pb::UpdateCustomerRequest {
                customer_id: id.clone(),
                profile: Some(crate::identity::named("A", "B")),
                update_mask: Some(FieldMask { paths: vec!["given_name".to_owned()] }),
                request_id: request_id(),
                ..Default::default()
            };
            assert_eq!(refusal(customers.update_customer(update).await), erased());
        }
        assert_eq!(refusal(timeline.list_timeline(next).await), not_found());
        let resumed = timeline.watch_timeline(resume(&two, &watching.token)).await;
        let resumed = match resumed {
            Err(status) => status,
            Ok(stream) => stream.into_inner().message().await.unwrap_err(),
        };
        assert_eq!(resumed.code(), Code::NotFound, "{resumed:?}");
        let redeem = pb::RedeemCasePassRequest {
            code: pass.code,
            channel: Channel::Phone.into(),
            request_id: request_id(),
        };
        let redeemed = refusal(cases.redeem_case_pass(by_shop(redeem)).await);
        assert_eq!(redeemed, Refusal::new(Code::NotFound, "CASE_PASS_NOT_FOUND", []));
        let watched = Some(Watched::CaseId(case.id.clone()));
        let watch = pb::WatchTimelineRequest { watched, ..Default::default() };
        assert!(timeline.watch_timeline(watch).await.is_err());
        let search = pb::SearchTimelineRequest { query: "dark".to_owned(), ..Default::default() };
        assert_eq!(timeline.search_timeline(search).await.unwrap().into_inner().entries, []);

        // The identifiers name somebody new, and the others are as they were.
        let new = server.identified(identify(vec![email("one@example.net")]).identifiers).await;
        assert!(new.created && ![one, two].contains(&new.customer.unwrap().id));
        assert_eq!(server.customer(&other).await.id, other);
        store(database).await.close().await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_was_counted_of_a_period_stays() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let gone = server.made(vec![account("gone")]).await.id;
        let stays = server.made(vec![account("stays")]).await.id;
        for id in [&gone, &stays] {
            let case = server.opened(opening(id)).await;
            for (channel, key) in [(Channel::Phone, "a"), (Channel::Web, "b"), (Channel::Web, "c")]
            {
                let channel = channel.into();
                server.told(pb::TellFactRequest { channel, ..telling(&case, key, "x") }).await;
            }
            let ask = pb::ReaskFactRequest {
                case_id: case.id.clone(),
                key: "a".to_owned(),
                channel: Channel::Store.into(),
                request_id: request_id(),
            };
            server.cases.clone().reask_fact(by_shop(ask)).await.unwrap();
        }
        let everybody = pb::GetReaskRateRequest {
            of: Some(Of::Everybody(true)),
            from: Some(at(-86_400)),
            before: Some(at(86_400)),
        };
        let rate = async || {
            let answer = server.cases.clone().get_reask_rate(everybody.clone()).await;
            answer.unwrap().into_inner()
        };
        let before = rate().await;
        assert_eq!(before.total.unwrap().told, 6);
        server.erased(&gone).await;
        assert_eq!(rate().await, before);
        server.stop().await;
    })
    .await;
}
