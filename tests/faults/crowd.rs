//! Many idle connections alongside active callers: the desktops of a call centre.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use throughline::pb::{self, get_briefing_request};
use tokio::{
    sync::Semaphore,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tonic::Code;

use crate::{
    Form, idle::more_files, neighbour::Calls, random::Random, raw::Raw, report::Outcome,
    slow::record, wait::within, world::Kind,
};

/// How often each active caller calls.
const PACE: Duration = Duration::from_secs(5);
/// The allowed increase of the 99th percentile because of idle connections.
const SLOWER: u32 = 2;
/// The number of concurrent connection attempts.
const AT_ONCE: usize = 32;
const CONNECT: Duration = Duration::from_secs(120);
const BOUND: Duration = Duration::from_secs(300);
const WINDOW: u32 = 1 << 16;
const DEADLINE: &str = "4S";
const BRIEFING: &str = "TimelineService/GetBriefing";

/// Idle connections of authenticated callers, and active callers.
pub async fn desktops(form: Form) -> Vec<Outcome> {
    more_files();
    let mut outcome = Outcome::new("desktops that idle", Kind::Sqlite.name());
    let Some(mut world) = outcome.world(Kind::Sqlite).await else { return vec![outcome] };
    world.start().await;
    let address = world.server().address;
    let recorded = world.client().timeline.record_entry(record("desk", "hello".to_owned())).await;
    let customer_id = recorded.expect("an entry is recorded").into_inner().customer_id;
    let customer = Some(get_briefing_request::Customer::CustomerId(customer_id));
    let briefing = pb::GetBriefingRequest { customer, ..Default::default() };

    let working = come(address, form.pick(20, 1000), &briefing).await;
    let rounds = form.pick(1, 6);
    let (before, working) = work(working, &briefing, rounds).await;
    let rest = world.server().memory();
    let idle = come(address, form.pick(500, 10_000), &briefing).await;
    outcome.tried = idle.len();
    let (during, _) = work(working, &briefing, rounds).await;

    let (p99, was) = (during.percentile(99), before.percentile(99));
    outcome.note = format!(
        "memory {} + {} MiB, p99 of a briefing {:.1} ms, without them {:.1} ms",
        rest >> 10,
        world.server().memory().saturating_sub(rest) >> 10,
        p99.as_secs_f64() * 1e3,
        was.as_secs_f64() * 1e3
    );
    if let Some(first) = during.failed.first() {
        outcome.problems.push(format!("{} calls failed: {first}", during.failed.len()));
    }
    if form == Form::Long && p99 > was * SLOWER {
        outcome.problems.push("those who work became too slow".to_owned());
    }
    vec![outcome]
}

/// Opens connections, each of which makes a call.
async fn come(address: SocketAddr, count: usize, briefing: &pb::GetBriefingRequest) -> Vec<Raw> {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut coming = JoinSet::new();
    for _ in 0..count {
        let (turns, briefing) = (Arc::clone(&turns), briefing.clone());
        coming.spawn(async move {
            let _turn = turns.acquire().await.expect("it stays open");
            let mut raw = Raw::connect(address, WINDOW).await.expect("a connection");
            let ended = raw.call(BRIEFING, Some(DEADLINE), &briefing).await;
            assert_eq!(ended.code, Some(Code::Ok), "{ended}");
            raw
        });
    }
    within(CONNECT, "all have come", coming.join_all()).await
}

/// Everybody makes this many calls, each at its own moment.
async fn work(
    connections: Vec<Raw>,
    briefing: &pb::GetBriefingRequest,
    rounds: usize,
) -> (Calls, Vec<Raw>) {
    let mut working = JoinSet::new();
    for (number, mut raw) in connections.into_iter().enumerate() {
        let briefing = briefing.clone();
        let micros = Random::of(number as u64).next() % PACE.as_micros() as u64;
        working.spawn(async move {
            let mut pace = interval_at(Instant::now() + Duration::from_micros(micros), PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut calls = Calls::default();
            for _ in 0..rounds {
                pace.tick().await;
                let ended = raw.call(BRIEFING, Some(DEADLINE), &briefing).await;
                calls.add(match ended.code {
                    Some(Code::Ok) => Ok(ended.took),
                    _ => Err(ended.to_string()),
                });
            }
            (calls, raw)
        });
    }
    let done = within(BOUND, "everybody is answered", working.join_all()).await;
    let mut all = Calls::default();
    let connections = done.into_iter().map(|(calls, raw)| {
        all.extend(calls);
        raw
    });
    let connections = connections.collect();
    (all, connections)
}
