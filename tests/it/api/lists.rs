//! ListTimeline: filters, orders and pages.

use throughline::pb::{
    self, Channel, EntryFilter, EntryKind, TimelineOrder, entry::Content,
    list_timeline_request::Customer,
};

use crate::{
    calls::{Refusal, about, account, at, bought, by, entry, list, note, refusal, said, scored},
    random::Random,
    support::{Database, Server, on_both},
};

const CHANNELS: [Channel; 4] = [Channel::Phone, Channel::Web, Channel::Store, Channel::Letter];
const ORDERS: [&str; 3] = ["W-1", "W-2", "W-3"];

fn kind(entry: &pb::Entry) -> EntryKind {
    match entry.content.as_ref().unwrap() {
        Content::Interaction(_) => EntryKind::Interaction,
        Content::Purchase(_) => EntryKind::Purchase,
        Content::Returned(_) => EntryKind::Return,
        Content::Feedback(_) => EntryKind::Feedback,
        Content::Note(_) => EntryKind::Note,
        Content::IdentityChange(_) => EntryKind::IdentityChange,
        other => panic!("nobody has recorded {other:?}"),
    }
}

/// A customer with 150 entries of all kinds on some channels, often several at the same time.
async fn world(server: &Server, random: &mut Random) -> (String, Vec<pb::Entry>) {
    let mut requests = Vec::new();
    for number in 0..150 {
        let refund = pb::Money { currency_code: "EUR".to_owned(), minor_units: 1999 };
        let refund = pb::Return { refund: Some(refund), ..Default::default() };
        let mut one = match (ORDERS.get(number), random.below(5)) {
            (Some(order), _) => bought(*order),
            (_, 0) => said("x"),
            (_, 1) => bought(""),
            (_, 2) => entry(Content::Returned(refund)),
            (_, 3) => scored(7.0, ""),
            _ => note("x"),
        };
        if number >= ORDERS.len() && random.below(3) == 0 {
            one = about(one, [random.pick(&ORDERS)]);
        }
        one.channel = (random.pick(&CHANNELS)).into();
        one.occurred_at = Some(at(-1000 + i64::try_from(random.below(60)).unwrap()));
        requests.push(by(vec![account("anna")], one));
    }
    server.recorded(by(vec![account("bert")], note("of another customer"))).await;
    let answers = server.batch(requests).await.unwrap().into_inner().responses;
    let customer_id = answers[0].customer_id.clone();
    let entries = server.timeline_of(&customer_id).await;
    assert_eq!(entries.len(), 150);
    (customer_id, entries)
}

/// The meaning of a filter, reimplemented.
fn passes(filter: &EntryFilter, entry: &pb::Entry) -> bool {
    let seconds = entry.occurred_at.unwrap().seconds;
    let number = &filter.order_number;
    let is_order =
        matches!(&entry.content, Some(Content::Purchase(it)) if it.order_number == *number);
    (filter.channels.is_empty() || filter.channels.contains(&entry.channel))
        && (filter.kinds.is_empty() || filter.kinds.contains(&kind(entry).into()))
        && filter.occurred_from.is_none_or(|from| seconds >= from.seconds)
        && filter.occurred_before.is_none_or(|before| seconds < before.seconds)
        && (number.is_empty() || is_order || entry.order_numbers.contains(number))
}

/// A filter of several parts, each present or not.
fn filter(random: &mut Random) -> EntryFilter {
    let mut filter = EntryFilter::default();
    let time = |random: &mut Random| at(-1000 + i64::try_from(random.below(70)).unwrap());
    if random.below(2) == 0 {
        let first = random.pick(&CHANNELS);
        filter.channels = vec![first.into(), Channel::Letter.into()];
    }
    if random.below(2) == 0 {
        let kinds = [EntryKind::Note, EntryKind::Purchase, EntryKind::Return, EntryKind::Feedback];
        filter.kinds = vec![(random.pick(&kinds)).into(), EntryKind::Interaction.into()];
    }
    if random.below(2) == 0 {
        filter.occurred_from = Some(time(random));
    }
    if random.below(2) == 0 {
        let before = time(random);
        let from = filter.occurred_from.map_or(before.seconds, |from| from.seconds);
        filter.occurred_before =
            Some(prost_types::Timestamp { seconds: before.seconds.max(from), nanos: 0 });
    }
    if random.below(3) == 0 {
        filter.order_number = (random.pick(&ORDERS)).to_owned();
    }
    filter
}

#[tokio::test]
async fn filters_of_all_parts_in_both_orders_and_pages_of_any_size() {
    on_both(async |database| {
        let mut random = Random::new(7);
        let server = Server::start(database).await;
        let (customer_id, entries) = world(&server, &mut random).await;
        let mut matched = 0;
        for _ in 0..60 {
            let filter = filter(&mut random);
            let mut wanted: Vec<_> =
                entries.iter().filter(|entry| passes(&filter, entry)).cloned().collect();
            matched += usize::from(!wanted.is_empty() && wanted.len() < 100);
            let newest = random.pick(&[true, false]);
            let order = if newest {
                TimelineOrder::NewestFirst
            } else {
                wanted.reverse();
                TimelineOrder::OldestFirst
            };
            let call = pb::ListTimelineRequest {
                filter: Some(filter),
                order: order.into(),
                page_size: random.pick(&[1, 2, 7, 50, 200]),
                ..list(&customer_id)
            };
            assert_eq!(server.all(call.clone()).await, wanted, "{call:?}");
        }
        assert!(matched > 30, "the filters mostly choose something: {matched}");
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_is_by_time_and_then_the_same_each_time() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let (_, entries) = world(&server, &mut Random::new(8)).await;
        let keys: Vec<_> =
            entries.iter().map(|it| (it.occurred_at.unwrap().seconds, it.id.clone())).collect();
        assert!(keys.is_sorted_by(|a, b| a > b), "the newest first, none twice");
        let by_account = pb::ListTimelineRequest {
            customer: Some(Customer::Identifier(account("anna"))),
            order: TimelineOrder::Unspecified.into(),
            ..Default::default()
        };
        assert_eq!(server.all(by_account).await, entries);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_tells_whose_it_is_and_at_which_revision() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.identified(vec![account("anna")]).await.customer.unwrap();
        let mut timeline = server.timeline.clone();
        let page = timeline.list_timeline(list(&anna.id)).await.unwrap().into_inner();
        let empty = pb::ListTimelineResponse {
            customer_id: anna.id.clone(),
            customer_revision: 1,
            ..Default::default()
        };
        assert_eq!(page, empty, "a customer without entries has an empty page");
        let recorded = server.recorded(by(vec![account("anna")], note("x"))).await;
        let page = timeline.list_timeline(list(&anna.id)).await.unwrap().into_inner();
        assert_eq!((page.customer_revision, page.entries.len()), (2, 1));
        assert_eq!(page.entries[0].id, recorded.entry_id, "what is committed is there at once");
        server.stop().await;
    })
    .await;
}

/// A token is for one call: the same customer, filter and order. The page size may change.
#[tokio::test]
async fn a_page_token_belongs_to_its_call() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let (customer_id, entries) = world(&server, &mut Random::new(9)).await;
        let mut timeline = server.timeline.clone();
        let first = pb::ListTimelineRequest { page_size: 10, ..list(&customer_id) };
        let page = timeline.list_timeline(first.clone()).await.unwrap().into_inner();
        let next = pb::ListTimelineRequest { page_token: page.next_page_token, ..first };
        let other_size = pb::ListTimelineRequest { page_size: 3, ..next.clone() };
        let page = timeline.list_timeline(other_size).await.unwrap().into_inner();
        assert_eq!(page.entries, entries[10..13]);

        let filter = EntryFilter { kinds: vec![EntryKind::Note.into()], ..Default::default() };
        let bert = server.identified(vec![account("bert")]).await.customer.unwrap();
        let bert = Some(Customer::CustomerId(bert.id));
        let same_by_account = Some(Customer::Identifier(account("anna")));
        let newest = TimelineOrder::NewestFirst.into();
        let others = [
            pb::ListTimelineRequest { filter: Some(filter), ..next.clone() },
            pb::ListTimelineRequest { order: TimelineOrder::OldestFirst.into(), ..next.clone() },
            pb::ListTimelineRequest { order: newest, ..next.clone() },
            pb::ListTimelineRequest { customer: bert, ..next.clone() },
            pb::ListTimelineRequest { customer: same_by_account, ..next.clone() },
        ];
        let field = ["page_token"];
        let bad = Refusal::new(tonic::Code::InvalidArgument, "BAD_PAGE_TOKEN", field);
        for other in others {
            assert_eq!(refusal(timeline.list_timeline(other).await), bad);
        }
        // Every single change of a character, every prefix, and a longer one.
        let token = next.page_token.clone();
        let mut wrong: Vec<String> = (1..token.len()).map(|end| token[..end].to_owned()).collect();
        wrong.push(format!("{token}A"));
        wrong.push(format!("{token}="));
        for (index, sign) in token.char_indices() {
            let other = if sign == 'A' { "B" } else { "A" };
            wrong.push(format!("{}{other}{}", &token[..index], &token[index + 1..]));
        }
        for page_token in wrong {
            let call = pb::ListTimelineRequest { page_token: page_token.clone(), ..next.clone() };
            assert_eq!(refusal(timeline.list_timeline(call).await), bad, "{page_token}");
        }
        server.stop().await;

        // It survives a restart, and is valid at another server of the database.
        let server = Server::start(database).await;
        let page = server.timeline.clone().list_timeline(next.clone()).await.unwrap().into_inner();
        assert_eq!(page.entries, entries[10..20]);
        server.stop().await;

        // A server of another database has another key.
        let elsewhere = Database::sqlite();
        let server = Server::start(&elsewhere).await;
        assert_eq!(refusal(server.timeline.clone().list_timeline(next).await), bad);
        server.stop().await;
    })
    .await;
}
