//! What is older than the rules keep is removed, with everything derived from it, and nothing else.

use std::collections::BTreeSet;

use throughline::{
    clock::Clock,
    config::read_retention,
    model::{Channel, Micros, RetentionRules},
    pb::{self, Channel as On, PromiseState, entry::Content, find_purchases_request::Number},
    store::{RemovalReport, Store, Sweep},
};

use super::{
    hold, release, restrict,
    scan::{Scan, hex},
};
use crate::{
    api::{
        cases::{opening, resolution, telling},
        promises::promising,
        quotes::giving,
    },
    calls::{about, account, at, bought, entry, list, note, request_id, said, to},
    identity::by_shop,
    live::{ids, resume, watch_all},
    support::{Database, NOW, RowCounter, Server, on_both},
};

const DAY: i64 = 86_400;

fn rules(text: &str) -> RetentionRules {
    read_retention("rules.toml", text).unwrap()
}

fn chats() -> RetentionRules {
    rules("[[rule]]\nkinds = ['interaction']\nchannels = ['chat']\nkeep_days = 730")
}

/// An entry of this many days ago.
fn old(days: i64, channel: On, entry: pb::Entry) -> pb::Entry {
    pb::Entry { occurred_at: Some(at(-days * DAY)), channel: channel.into(), ..entry }
}

/// Goes through all customers at a time this many days from now.
async fn sweep(
    database: &Database,
    rules: &RetentionRules,
    days: i64,
    how: Sweep,
) -> Vec<RemovalReport> {
    let now = NOW + days * DAY * 1_000_000;
    let store = Store::open(&database.url, 2, Clock::Fixed(now)).await.unwrap();
    let gone = store.sweep(rules, how, |_| {}).await.unwrap();
    store.close().await;
    gone
}

fn gone(rule: usize, channel: Option<Channel>, entries: u64, days_ago: i64) -> RemovalReport {
    let oldest: Micros = NOW - days_ago * DAY * 1_000_000;
    RemovalReport { rule, channel, entries, oldest }
}

/// The tables that contain an id.
async fn tables_with(database: &Database, id: &str) -> BTreeSet<String> {
    let mut scan = Scan::of(database).await;
    let mut found = BTreeSet::new();
    for (table, columns) in scan.catalogue().await {
        for row in scan.rows(&table, &columns).await {
            let text = hex(&serde_json::to_string(&row).unwrap());
            if text.contains(&hex(id)) {
                found.insert(table.clone());
            }
        }
    }
    found
}

#[tokio::test]
async fn what_is_too_old_by_its_rule_goes_and_nothing_else() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let word = "quetzalcoatlus";
        let call = to(&anna, old(905, On::Chat, said(format!("the {word} is dark"))));
        let goes = server.recorded(call.clone()).await;
        server.recorded(to(&anna, old(731, On::Chat, said("a day too old")))).await;
        for stays in [
            old(729, On::Chat, said("a day too young")),
            old(900, On::Phone, said("another channel")),
            old(899, On::Chat, note("another kind")),
        ] {
            server.recorded(to(&anna, stays)).await;
        }
        let first = server.all(pb::ListTimelineRequest { page_size: 4, ..list(&anna) }).await;
        assert_eq!(first.len(), 5);
        let page = pb::ListTimelineRequest { page_size: 4, ..list(&anna) };
        let page_one = server.timeline.clone().list_timeline(page.clone()).await.unwrap();
        let page_token = page_one.into_inner().next_page_token;

        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let wanted = vec![gone(0, Some(Channel::Chat), 2, 905)];
        assert_eq!(sweep(database, &chats(), 0, Sweep::DryRun).await, wanted);
        assert_eq!(rows.count().await, before, "a dry run leaves everything");
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, wanted);
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, [], "once");

        let left = server.timeline_of(&anna).await;
        let times: BTreeSet<i64> =
            left.iter().map(|it| it.occurred_at.unwrap().seconds * 1_000_000 - NOW).collect();
        assert_eq!(left.len(), 3);
        assert_eq!(times.first(), Some(&(-900 * DAY * 1_000_000)));
        let mut tables = tables_with(database, &goes.entry_id).await;
        // Its recording and its removal are sealed, or waiting for that.
        tables.retain(|table| !["entry_seals", "unsealed_entries"].contains(&table.as_str()));
        assert_eq!(tables, BTreeSet::from(["idempotency_keys".to_owned()]), "its name stays");
        // A list that began before continues without it.
        let next = pb::ListTimelineRequest { page_token, ..page };
        let next = server.timeline.clone().list_timeline(next).await.unwrap().into_inner();
        assert_eq!((next.entries.len(), next.next_page_token.as_str()), (0, ""));
        let search = pb::SearchTimelineRequest { query: word.to_owned(), ..Default::default() };
        let found = server.timeline.clone().search_timeline(search).await.unwrap().into_inner();
        assert_eq!(found.entries, []);
        // A late retry does not bring it back.
        let again = server.recorded(call).await;
        assert!(again.already_recorded);
        assert_eq!(again.entry_id, goes.entry_id);
        assert_eq!(server.timeline_of(&anna).await.len(), 3);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_is_held_or_restricted_loses_nothing() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut people = Vec::new();
        for name in ["anna", "bert", "cor"] {
            let made = server.made(vec![account(name)]).await.id;
            server.recorded(to(&made, old(900, On::Chat, said("old")))).await;
            people.push(made);
        }
        // For a person of two records, both are on hold.
        server.merge_of(&people[1], &people[0]).await;
        hold(&server, &people[1]).await;
        restrict(&server, &people[2]).await;
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, []);
        release(&server, &people[0]).await;
        let wanted = vec![gone(0, Some(Channel::Chat), 2, 900)];
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, wanted);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn what_goes_on_keeps_its_entries() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let other = server.made(vec![account("anna.too")]).await.id;
        let case = server.opened(opening(&anna)).await;
        let mut call = to(&anna, old(900, On::Chat, said("of the case")));
        call.case = Some(pb::record_entry_request::Case::CaseId(case.id.clone()));
        server.recorded(call).await;
        // The case may belong to another record of the person.
        server.merge_of(&anna, &other).await;
        let mut call = to(&other, old(800, On::Chat, said("of the case too")));
        call.case = Some(pb::record_entry_request::Case::CaseId(case.id.clone()));
        server.recorded(call).await;
        let promise = pb::MakePromiseRequest { case_id: case.id.clone(), ..promising("", 3600) };
        let promise = server.promised(promise).await;
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, [], "an open case");
        server.cases.clone().resolve_case(by_shop(resolution(&case))).await.unwrap();
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, [], "an open promise");
        let settle = pb::SettlePromiseRequest {
            promise_id: promise.id,
            state: PromiseState::Kept.into(),
            reason: "done".to_owned(),
            channel: On::Phone.into(),
            request_id: request_id(),
        };
        server.cases.clone().settle_promise(by_shop(settle)).await.unwrap();
        let wanted = vec![gone(0, Some(Channel::Chat), 2, 900)];
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, wanted);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn cases_promises_and_quotes_go_as_a_whole_and_their_figures_stay() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let done = server.opened(opening(&anna)).await;
        for (key, value) in [("fault", "no picture"), ("tried", "unplugged")] {
            server.told(telling(&done, key, value)).await;
        }
        server.cases.clone().resolve_case(by_shop(resolution(&done))).await.unwrap();
        let open = server.opened(opening(&anna)).await;
        server.told(telling(&open, "fault", "no sound")).await;
        let broken = server.promised(promising(&anna, 1)).await;
        let quote = server.quoted(giving(&anna, On::Store, 100)).await;

        let rate = async || {
            let call = pb::GetReaskRateRequest {
                of: Some(pb::get_reask_rate_request::Of::Everybody(true)),
                from: Some(at(-DAY)),
                before: Some(at(DAY)),
            };
            server.cases.clone().get_reask_rate(call).await.unwrap().into_inner()
        };
        let before = rate().await;
        let rules = rules("[[rule]]\nkinds = ['case', 'promise', 'quote']\nkeep_days = 100");
        // The quote ends a day from now.
        assert_eq!(sweep(database, &rules, 99, Sweep::AtOnce).await, []);
        let went = sweep(database, &rules, 102, Sweep::AtOnce).await;
        let entries: u64 = went.iter().map(|it| it.entries).sum();
        assert_eq!(entries, 5, "the case opened, two facts, resolved; the quote: {went:?}");
        assert_eq!(rate().await, before, "what was counted stays counted");
        for id in [&done.id, &quote.id] {
            let left = tables_with(database, id).await;
            // Its idempotency key, and the audit log.
            let names = BTreeSet::from(["idempotency_keys".to_owned(), "audit_log".to_owned()]);
            assert!(left.is_subset(&names), "{left:?}");
        }
        for stays in [&open.id, &broken.id] {
            assert!(tables_with(database, stays).await.len() > 1);
        }
        assert_eq!(server.timeline_of(&anna).await.len(), 3);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_is_told_by_the_entries_that_are_left() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let numbered = |serial: &str, mut entry: pb::Entry| {
            if let Some(Content::Purchase(purchase)) = &mut entry.content {
                purchase.lines[0].serial_number = serial.to_owned();
            }
            entry
        };
        for bought in [
            old(900, On::Store, numbered("SN-OLD", bought("W-1"))),
            old(900, On::Store, numbered("SN-NONE", bought(""))),
            old(100, On::Store, numbered("SN-NEW", bought("W-2"))),
        ] {
            server.recorded(to(&anna, bought)).await;
        }
        let back = entry(Content::Returned(pb::Return {
            reason: "broken".to_owned(),
            refund: Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: 1 }),
            ..Default::default()
        }));
        server.recorded(to(&anna, old(300, On::Store, about(back.clone(), ["W-1"])))).await;
        let back = pb::Entry { source_ref: "another".to_owned(), ..back };
        server.recorded(to(&anna, old(50, On::Store, about(back, ["W-2"])))).await;

        let rules = rules("[[rule]]\nkinds = ['purchase']\nkeep_days = 365");
        let wanted = vec![gone(0, Some(Channel::Store), 2, 900)];
        assert_eq!(sweep(database, &rules, 0, Sweep::AtOnce).await, wanted);
        let find = async |number: Number| {
            let call = pb::FindPurchasesRequest { number: Some(number), ..Default::default() };
            let answer = server.purchases.clone().find_purchases(call).await.unwrap();
            answer.into_inner().purchases.len()
        };
        let serial = |text: &str| Number::SerialNumber(text.to_owned());
        let order = |text: &str| Number::OrderNumber(text.to_owned());
        for number in [serial("SN-OLD"), serial("SN-NONE"), order("W-1")] {
            assert_eq!(find(number).await, 0);
        }
        for number in [serial("SN-NEW"), order("W-2")] {
            assert_eq!(find(number).await, 1);
        }
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let id = anna.parse().unwrap();
        let (kept, _) = store.list_purchases(id, Micros::MAX, None, 10).await.unwrap();
        assert_eq!(kept, store.replay_purchases(id).await.unwrap());
        store.close().await;
        assert_eq!(server.timeline_of(&anna).await.len(), 3);
        let keys = Scan::of(database).await.rows("purchase_keys", &["key".to_owned()]).await;
        assert_eq!(keys.len(), 1, "{keys:?}");
        // The number is free again, and another order can use it.
        server.recorded(to(&anna, bought("W-1"))).await;
        assert_eq!(find(order("W-1")).await, 1);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_watch_goes_on_without_what_is_gone() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await.id;
        let mut watch = server.watching(watch_all(&anna)).await;
        watch.caught_up().await;
        let token = watch.token.clone();
        for _ in 0..50 {
            server.recorded(to(&anna, old(900, On::Chat, said("old")))).await;
        }
        let stays = server.recorded(to(&anna, old(1, On::Chat, said("new")))).await.entry_id;
        let wanted = vec![gone(0, Some(Channel::Chat), 50, 900)];
        assert_eq!(sweep(database, &chats(), 0, Sweep::AtOnce).await, wanted);
        let mut resumed = server.watching(resume(&anna, &token)).await;
        assert_eq!(ids(&resumed.caught_up().await), [stays.as_str()]);
        let mut all = server.watching(watch_all(&anna)).await;
        assert_eq!(ids(&all.caught_up().await), [stays.as_str()]);
        let last = server.recorded(to(&anna, old(1, On::Chat, said("last")))).await.entry_id;
        assert_eq!(resumed.entry().await.id, last);
        server.stop().await;
    })
    .await;
}

#[test]
fn every_problem_of_a_file_is_told_at_once() {
    let wrong = "
keep = 1

[[rule]]
kinds = ['chat']
channels = ['fax']
keep_days = 0
for = 1

[[rule]]
kinds = ['case']
channels = ['chat']
keep_days = 30

[[rule]]
";
    insta::assert_snapshot!(read_retention("rules.toml", wrong).unwrap_err(), @"
    the configuration cannot be used:
      rules.toml: keep: there is no such key; the file has only tables [[rule]]
      rules.toml: rule 1: for: there is no such key; a rule has kinds, channels and keep_days
      rules.toml: rule 1: kinds: must be some of interaction, purchase, return, order_change, feedback, note, identity_change, case, promise, quote
      rules.toml: rule 1: channels: must be some of phone, web, email, chat, messaging, social, store, app, letter
      rules.toml: rule 1: keep_days: must be a number from 1 to 36525
      rules.toml: rule 2: channels: case, promise and quote are of no one channel; give them a rule of their own
      rules.toml: rule 3: kinds: must be some of interaction, purchase, return, order_change, feedback, note, identity_change, case, promise, quote
      rules.toml: rule 3: keep_days: must be a number from 1 to 36525
    ");
    insta::assert_snapshot!(read_retention("rules.toml", "").unwrap_err(), @"
    the configuration cannot be used:
      rules.toml: rule: is missing: the file has tables [[rule]]
    ");
    let rules = rules(
        "[[rule]]\nkinds = ['note']\nchannels = ['chat']\nkeep_days = 9\n\
         [[rule]]\nkinds = ['note', 'case']\nkeep_days = 3",
    );
    use throughline::model::{EntryKind, RetentionKind};
    let note = RetentionKind::Entry(EntryKind::Note);
    let number = |kind, channel| rules.rule_of(kind, channel).map(|(number, _)| number);
    assert_eq!(number(note, Some(Channel::Chat)), Some(0), "the first that covers it");
    assert_eq!(number(note, Some(Channel::Web)), Some(1));
    assert_eq!(number(RetentionKind::Case, Some(Channel::Chat)), Some(1));
    assert_eq!(number(RetentionKind::Quote, None), None);
}
