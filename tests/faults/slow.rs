//! Callers that do not read what is sent to them, or do not finish what they send.

use std::{net::SocketAddr, time::Duration};

use prost::bytes::Bytes;
use throughline::{
    clock::Clock,
    pb::{self, Channel, IdentifierKind, entry::Content, list_timeline_request},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};
use tonic::Request;

use crate::{
    Form,
    client::Client,
    neighbour::{Calls, Neighbour},
    raw::{Raw, frame},
    report::Outcome,
    secure,
    world::Kind,
};

/// How much additional memory an attack may take.
const MEMORY_MIB: u64 = 256;
const GROWN: &str = "the memory has grown";
/// Settings that lift the limits.
const UNBOUNDED: &[&str] = &[
    "--max-buffered-mib=100000",
    "--max-buffered-mib-per-caller=100000",
    "--max-buffered-mib-per-connection=100000",
    "--max-concurrent-streams=256",
];
/// The allowed increase of the 99th percentile of other callers.
const SLOWER: u32 = 2;
const BOUND: Duration = Duration::from_secs(120);
/// The number of entries that fill a page of 3 MiB.
const ENTRIES: usize = 50;
const WORDS: &str = "word ";
const TEXT_WORDS: usize = 12_000;
/// The size of a message slightly smaller than the largest.
const LARGE_BYTES: usize = 3_900_000;
/// The connections of a full attack; each makes as many calls as it can.
const CONNECTIONS: usize = 50;
const CALLS: usize = 256;
/// The earliest reconnect of an attacker whose connection was closed.
const AGAIN: Duration = Duration::from_secs(1);

/// Responses that nobody reads.
pub async fn unread(form: Form) -> Vec<Outcome> {
    let count = form.pick(2, CONNECTIONS);
    vec![attacked("answers that nobody reads", Attack::unread, count, &[], form).await]
}

/// The control: without a limit, the memory grows, and this is found.
pub async fn unread_unbounded(form: Form) -> Vec<Outcome> {
    let outcome = attacked("control: unread, without a bound", Attack::unread, 1, UNBOUNDED, form);
    vec![outcome.await.must_fail(|it| it.problems.iter().any(|it| it.contains(GROWN)))]
}

/// Requests that lack their last byte.
pub async fn unfinished(form: Form) -> Vec<Outcome> {
    let count = form.pick(2, CONNECTIONS);
    vec![attacked("requests without their last byte", Attack::unfinished, count, &[], form).await]
}

/// Calls that the client never ends.
#[derive(Clone)]
struct Attack {
    path: &'static str,
    frame: Bytes,
    window: u32,
    is_whole: bool,
}

impl Attack {
    fn unread(customer_id: String) -> Self {
        let customer = Some(list_timeline_request::Customer::CustomerId(customer_id));
        let call = pb::ListTimelineRequest { customer, page_size: 200, ..Default::default() };
        let (path, frame) = ("TimelineService/ListTimeline", frame(&call));
        Self { path, frame, window: 0, is_whole: true }
    }

    fn unfinished(_: String) -> Self {
        let mut frame = frame(&record("slow", "x".repeat(LARGE_BYTES)));
        frame.truncate(frame.len() - 1);
        let (path, window) = ("TimelineService/RecordEntry", 1 << 16);
        Self { path, frame, window, is_whole: false }
    }

    /// Makes as many calls as one connection allows, holds them, and reconnects when it is closed.
    async fn run(self, address: SocketAddr, authorization: String) {
        let mut pace = interval(AGAIN);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            let Ok(raw) = Raw::connect(address, self.window).await else { continue };
            let mut raw = raw.show(&authorization);
            let mut held = Vec::new();
            for _ in 0..CALLS {
                let begun = raw.begin(self.path, Some("60S"), self.frame.clone(), self.is_whole);
                // A closed connection accepts no more calls.
                let Ok(begun) = begun.await else { break };
                held.push(begun);
            }
            raw.closed().await;
        }
    }
}

async fn attacked(
    name: &str,
    attack: fn(String) -> Attack,
    connections: usize,
    settings: &[&str],
    form: Form,
) -> Outcome {
    let mut outcome = Outcome::new(name, Kind::Sqlite.name());
    let Some(mut world) = outcome.world(Kind::Sqlite).await else { return outcome };
    settings.iter().for_each(|setting| world.argue(*setting));
    let [desk, attacker] = ["desk", "attacker"].map(|name| secure::caller(&mut world, name));
    world.start().await;
    let customer_id = fill(&mut world.client(), Some(&desk)).await;
    let neighbour = Neighbour::start(world.client(), &desk, customer_id.clone());
    let calls = form.pick(100, 2000);
    neighbour.next(calls, BOUND).await;
    let before = neighbour.next(calls, BOUND).await;
    let rest = world.server().memory();
    let mut peak = rest;

    let attack = attack(customer_id);
    let mut attackers = JoinSet::new();
    for _ in 0..connections {
        attackers.spawn(attack.clone().run(world.server().address, attacker.clone()));
        outcome.tried += 1;
    }
    let mut during = Calls::default();
    for _ in 0..10 {
        during.extend(neighbour.next(calls / 5, BOUND).await);
        peak = peak.max(world.server().memory());
    }
    attackers.shutdown().await;

    let more = peak.saturating_sub(rest) >> 10;
    let (p99, was) = (during.percentile(99), before.percentile(99));
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    outcome.note = format!(
        "memory {} + {more} MiB, others' p99 {:.1} ms, before {:.1} ms",
        rest >> 10,
        millis(p99),
        millis(was)
    );
    if more > MEMORY_MIB {
        outcome.problems.push(format!("{GROWN}: {more} MiB more than at rest"));
    }
    if let Some(first) = during.failed.first() {
        outcome.problems.push(format!("{} calls of others failed: {first}", during.failed.len()));
    }
    if form == Form::Long && p99 > was * SLOWER {
        outcome.problems.push("others became too slow".to_owned());
    }
    outcome
}

/// A customer with a long history.
pub async fn fill(client: &mut Client, authorization: Option<&str>) -> String {
    let mut customer_id = String::new();
    for number in 0..ENTRIES {
        let mut call = Request::new(record(&format!("fill-{number}"), WORDS.repeat(TEXT_WORDS)));
        if let Some(authorization) = authorization {
            call.metadata_mut().insert("authorization", authorization.parse().expect("a header"));
        }
        let answer = client.timeline.record_entry(call).await.expect("an entry is recorded");
        customer_id = answer.into_inner().customer_id;
    }
    customer_id
}

pub fn record(source_ref: &str, text: String) -> pb::RecordEntryRequest {
    let account = pb::Identifier {
        kind: IdentifierKind::Account.into(),
        value: "slow".to_owned(),
        ..Default::default()
    };
    let entry = pb::Entry {
        occurred_at: Some(pb::timestamp(Clock::System.now())),
        channel: Channel::Email.into(),
        source: "slow".to_owned(),
        source_ref: source_ref.to_owned(),
        content: Some(Content::Note(pb::Note { text })),
        ..Default::default()
    };
    let identifiers = vec![account];
    pb::RecordEntryRequest { identifiers, entry: Some(entry), ..Default::default() }
}
