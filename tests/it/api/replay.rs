//! Retries: calls that are repeated in any order and concurrently have the effect of each sent
//! once.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
};

use throughline::pb::{self, timeline_service_client::TimelineServiceClient};
use tonic::Code;

use crate::{
    calls::{about, account, at, bought, by, by_request_id, email, note, refusal, said, scored},
    random::Random,
    support::{Database, Server, on_both},
};

const CLIENTS: usize = 16;
const CUSTOMERS: usize = 20;
const SEED: u64 = 42;

/// An answer, by the index of its call in the original list.
type Answers = Vec<(usize, pb::RecordEntryResponse)>;

/// Calls of several customers, all unknown so far, in an order in which each can be recorded.
fn calls(count: usize, random: &mut Random) -> Vec<pb::RecordEntryRequest> {
    let mut orders = vec![Vec::new(); CUSTOMERS];
    let calls = (0..count).map(|number| {
        let customer = random.below(CUSTOMERS);
        let orders: &mut Vec<String> = &mut orders[customer];
        let text = format!("text {number}");
        let entry = match random.below(6) {
            0 => {
                orders.push(format!("W-{number}"));
                bought(format!("W-{number}"))
            }
            1 if !orders.is_empty() => {
                let order: String = random.pick(orders);
                about(said(text), [&order])
            }
            2 => scored(9.0, text),
            3 | 4 => note(text),
            _ => said(text),
        };
        // Each at a time of its own, so that the order of a timeline is the same each time.
        let time = at(-1_000_000 + i64::try_from(random.below(1000) * 1000 + number).unwrap());
        let entry = pb::Entry { occurred_at: Some(time), ..entry };
        let mut identifiers = vec![account(format!("account-{customer}"))];
        if random.below(3) == 0 {
            identifiers.push(email(format!("{customer}@example.net")));
        }
        let call = by(identifiers, entry);
        if random.below(2) == 0 { by_request_id(call) } else { call }
    });
    calls.collect()
}

/// Each call once, one after the other.
async fn send_once(server: &Server, calls: &[pb::RecordEntryRequest]) -> Answers {
    let mut answers = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        answers.push((index, server.recorded(call.clone()).await));
    }
    answers
}

/// All calls of a list by clients at the same time, each with a connection of its own.
async fn send_at_once(servers: &[Server], calls: Vec<(usize, pb::RecordEntryRequest)>) -> Answers {
    let calls = Arc::new(Mutex::new(VecDeque::from(calls)));
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS {
        let connection = servers[client % servers.len()].connect().await;
        let calls = Arc::clone(&calls);
        clients.spawn(async move {
            let mut client = TimelineServiceClient::new(connection);
            let mut answers = Vec::new();
            let next = || calls.lock().unwrap().pop_front();
            while let Some((index, call)) = next() {
                match client.record_entry(call.clone()).await {
                    Ok(answer) => answers.push((index, answer.into_inner())),
                    // Sent before the order that it is about: retried after the others.
                    Err(status) if status.code() == Code::NotFound => {
                        let refusal = refusal::<()>(Err(status));
                        assert_eq!(refusal.reason, "PURCHASE_NOT_FOUND");
                        calls.lock().unwrap().push_back((index, call));
                    }
                    Err(status) => panic!("{status:?}"),
                }
            }
            answers
        });
    }
    clients.join_all().await.into_iter().flatten().collect()
}

/// The timelines by the account of their customers, newest first, without the fields that the
/// server sets, which are checked.
async fn timelines(server: &Server) -> BTreeMap<usize, Vec<pb::Entry>> {
    let mut timelines = BTreeMap::new();
    for number in 0..CUSTOMERS {
        let answer = server.identified(vec![account(format!("account-{number}"))]).await;
        assert!(!answer.created, "customer {number} has no entry");
        let customer = answer.customer.unwrap();
        let mut entries = server.timeline_of(&customer.id).await;

        let revisions: BTreeSet<i64> = entries.iter().map(|it| it.revision).collect();
        let count = i64::try_from(entries.len()).unwrap();
        assert_eq!(revisions, (1..=count).collect(), "revisions without a gap");
        assert_eq!(customer.revision, count);
        for entry in &mut entries {
            assert_eq!(entry.customer_id, customer.id);
            entry.id.clear();
            entry.customer_id.clear();
            entry.revision = 0;
            entry.recorded_at = None;
        }
        timelines.insert(number, entries);
    }
    timelines
}

/// Whether all answers to a call are the same, and one of them says that it was new.
fn check_answers(answers: Answers) {
    let mut by_call: BTreeMap<usize, Vec<pb::RecordEntryResponse>> = BTreeMap::new();
    for (index, answer) in answers {
        by_call.entry(index).or_default().push(answer);
    }
    for (index, mut answers) in by_call {
        let new = answers.iter().filter(|it| !it.already_recorded).count();
        assert_eq!(new, 1, "call {index} was recorded {new} times");
        answers.iter_mut().for_each(|it| it.already_recorded = false);
        answers.dedup();
        assert_eq!(answers.len(), 1, "call {index} has other answers: {answers:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_sent_again_and_at_once_have_the_effect_of_each_sent_once() {
    let mut random = Random::new(SEED);
    let calls = calls(1000, &mut random);
    let once = Database::sqlite();
    let once = Server::start(&once).await;
    check_answers(send_once(&once, &calls).await);
    let wanted = timelines(&once).await;
    once.stop().await;

    let mut copies: Vec<_> = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        copies.extend((0..=random.below(5)).map(|_| (index, call.clone())));
    }
    random.shuffle(&mut copies);
    assert!(copies.len() > 2500);
    on_both(async |database| {
        // Two servers of one database.
        let servers = [Server::start(database).await, Server::start(database).await];
        check_answers(send_at_once(&servers, copies.clone()).await);
        for server in &servers {
            assert_eq!(timelines(server).await, wanted);
        }
        for server in servers {
            server.stop().await;
        }
    })
    .await;
}

/// The control: copies with new keys are recorded as more entries.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_name_that_stays_a_retry_is_another_entry() {
    let mut random = Random::new(SEED);
    let call = |number| by(vec![account(format!("account-{number}"))], note("x"));
    let calls: Vec<_> = (0..CUSTOMERS).map(call).collect();
    let mut copies = Vec::new();
    for _ in 0..5 {
        copies.extend(calls.iter().cloned().map(by_request_id).enumerate());
    }
    random.shuffle(&mut copies);
    on_both(async |database| {
        let servers = [Server::start(database).await];
        let answers = send_at_once(&servers, copies.clone()).await;
        assert!(answers.iter().all(|(_, it)| !it.already_recorded));
        let timelines = timelines(&servers[0]).await;
        assert_eq!(timelines.values().map(Vec::len).sum::<usize>(), 5 * CUSTOMERS);
        for server in servers {
            server.stop().await;
        }
    })
    .await;
}
