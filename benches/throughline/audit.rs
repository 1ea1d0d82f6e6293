//! The cost of the audit log: reads of a server with an audit log compared with one without, over
//! the same database, in turns. What a turn leaves to be sealed is sealed within its time.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use throughline::{
    clock::Clock,
    pb::{self, get_briefing_request, list_timeline_request},
    server::Settings,
    store::Store,
};

use crate::{
    Plan,
    load::{self, Measured, scatter},
    reads::{median, micros},
    table,
    world::{Served, World, customer_id, settings},
};

const LIST: &str = "/throughline.v1.TimelineService/ListTimeline";
const BRIEFING: &str = "/throughline.v1.TimelineService/GetBriefing";
const ROUNDS: u32 = 5;

fn someone(customers: u32, n: u64) -> String {
    let n = 1 + u32::try_from(scatter(n) % u64::from(customers)).unwrap_or(0);
    customer_id(n).to_string()
}

/// The first page and the briefing, with and without.
pub async fn compare(world: &World, url: &str, plan: Plan) -> anyhow::Result<()> {
    let open = || Store::open(url, 8, Clock::System);
    let kept = open().await?;
    let keeping = Served::start(kept.clone(), settings()).await?;
    let not_keeping = Served::start(open().await?, Settings { audit: None, ..settings() }).await?;
    let customers = world.customers;
    let mut rows = Vec::new();
    for callers in crate::callers() {
        let [mut list, mut brief] = [const { (Vec::new(), Vec::new()) }; 2];
        for _ in 0..ROUNDS {
            for (served, is_kept) in [(&not_keeping, false), (&keeping, true)] {
                let page = move |n| pb::ListTimelineRequest {
                    customer: Some(list_timeline_request::Customer::CustomerId(someone(
                        customers, n,
                    ))),
                    ..Default::default()
                };
                let briefing = move |n| pb::GetBriefingRequest {
                    customer: Some(get_briefing_request::Customer::CustomerId(someone(
                        customers, n,
                    ))),
                    ..Default::default()
                };
                let page = load::run(served.address, LIST, callers, plan.time, page);
                let brief_run = load::run(served.address, BRIEFING, callers, plan.time, briefing);
                if is_kept {
                    list.1.push(sealed(page, &kept, plan.time).await?);
                    brief.1.push(sealed(brief_run, &kept, plan.time).await?);
                } else {
                    list.0.push(page.await?);
                    brief.0.push(brief_run.await?);
                }
            }
        }
        rows.extend(pair("ListTimeline", callers, &list));
        rows.extend(pair("GetBriefing", callers, &brief));
    }
    keeping.close().await;
    not_keeping.close().await;
    let title = format!("The audit log, on {}", world.name);
    table::print(&title, &["", "calls", "p50", "p99", "ratio of calls"], &rows);
    Ok(())
}

/// A turn of this length including all of the sealing that it causes. Work that the server has left
/// after the calls counts as time in which nothing is answered.
async fn sealed(
    turn: impl Future<Output = anyhow::Result<Measured>>,
    store: &Store,
    time: Duration,
) -> anyhow::Result<Measured> {
    let measured = turn.await?;
    let ended = Instant::now();
    store.seal_audit().await?;
    let share = time.as_secs_f64() / (time + ended.elapsed()).as_secs_f64();
    Ok(Measured { calls_a_second: measured.calls_a_second * share, ..measured })
}

fn pair(
    what: &str,
    callers: usize,
    (not, kept): &(Vec<Measured>, Vec<Measured>),
) -> [Vec<String>; 2] {
    let rate = |all: &[Measured]| median(all.iter().map(|one| one.calls_a_second));
    let row = |what: String, all: &[Measured]| {
        let ratio = format!("{:.2}", rate(all) / rate(not));
        let speed = format!("{:.0}/s", rate(all));
        vec![what, speed, micros(all, |one| one.p50), micros(all, |one| one.p99), ratio]
    };
    [
        row(format!("{what}, {callers} callers, not kept"), not),
        row(format!("{what}, {callers} callers, kept"), kept),
    ]
}
