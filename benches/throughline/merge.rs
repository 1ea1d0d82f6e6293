//! Merging two customers with a long history each, and reading their timeline after it.

use std::time::{Duration, Instant};

use throughline::{
    api::{caller::Actor, validate},
    clock::Clock,
    pb,
    pb::customer_service_client::CustomerServiceClient,
    store::Store,
};

use crate::{
    Plan,
    load::{self, Measured},
    table,
    world::{World, customer_id, entry, make_customer, rules},
};

const PATH: &str = "/throughline.v1.TimelineService/ListTimeline";
/// How many entries each of the two has.
const ENTRIES: u32 = 100_000;
const BATCH: u32 = 1000;
/// How often they are merged and unmerged.
const ROUNDS: u32 = 5;
const CALLERS: [usize; 2] = [1, 32];
/// After all customers of the world.
const TWO: [u32; 2] = [0x7000_0001, 0x7000_0002];

/// The time of a merge and an unmerge, and a first page merged against one that is not.
pub async fn measure(world: &World, url: &str, plan: Plan) -> anyhow::Result<()> {
    fill(url).await?;
    let mut client = CustomerServiceClient::connect(format!("http://{}", world.address)).await?;
    let [into, from] = TWO.map(|n| customer_id(n).to_string());
    let request = move |n: u64| {
        let id = customer_id(TWO[usize::from(n % 2 == 1)]).to_string();
        let customer = pb::list_timeline_request::Customer::CustomerId(id);
        pb::ListTimelineRequest { customer: Some(customer), ..Default::default() }
    };
    let run = |callers| load::run(world.address, PATH, callers, plan.time / 2, request);

    let mut apart: Vec<Vec<Measured>> = vec![Vec::new(); CALLERS.len()];
    let mut merged = apart.clone();
    let (mut merges, mut unmerges) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        for (index, callers) in CALLERS.into_iter().enumerate() {
            apart[index].push(run(callers).await?);
        }
        let started = Instant::now();
        let answer = client
            .merge_customers(pb::MergeCustomersRequest {
                customer_id: into.clone(),
                other_customer_id: from.clone(),
                reason: "measured".to_owned(),
                evidence: vec!["the benchmark".to_owned()],
                request_id: Clock::System.new_id().to_string(),
                ..Default::default()
            })
            .await?;
        merges.push(started.elapsed());
        for (index, callers) in CALLERS.into_iter().enumerate() {
            merged[index].push(run(callers).await?);
        }
        let started = Instant::now();
        client
            .unmerge_customers(pb::UnmergeCustomersRequest {
                merge_id: answer.into_inner().merge.unwrap_or_default().id,
                reason: "measured".to_owned(),
                request_id: Clock::System.new_id().to_string(),
                ..Default::default()
            })
            .await?;
        unmerges.push(started.elapsed());
    }

    let title = format!("{}: merging two customers of {ENTRIES} entries each", world.name);
    let heads = ["", "median", "worst"];
    table::print(&title, &heads, &[row("merge", &mut merges), row("unmerge", &mut unmerges)]);
    let mut rows = Vec::new();
    for (index, callers) in CALLERS.into_iter().enumerate() {
        let p50 = |measured: &[Measured]| {
            let mut times: Vec<Duration> = measured.iter().map(|m| m.p50).collect();
            times.sort_unstable();
            times[times.len() / 2]
        };
        let (one, both) = (p50(&apart[index]), p50(&merged[index]));
        rows.push(vec![
            callers.to_string(),
            format!("{} us", one.as_micros()),
            format!("{} us", both.as_micros()),
            format!("{:.2}", both.as_secs_f64() / one.as_secs_f64()),
        ]);
    }
    let heads = ["callers", "p50 apart", "p50 merged", "ratio"];
    table::print(&format!("{}: first page of 50, merged", world.name), &heads, &rows);
    Ok(())
}

fn row(name: &str, times: &mut [Duration]) -> Vec<String> {
    times.sort_unstable();
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    vec![name.to_owned(), millis(median), millis(worst)]
}

async fn fill(url: &str) -> anyhow::Result<()> {
    let store = Store::open(url, 2, Clock::System).await?;
    let rules = rules();
    for n in TWO {
        make_customer(url, customer_id(n)).await?;
        for first in (0..ENTRIES).step_by(BATCH as usize) {
            let batch = (first..first + BATCH).map(|i| {
                let mut request = entry(n, i);
                if let Some(entry) = &mut request.entry {
                    // Within the years that an entry may have.
                    entry.occurred_at = Some(prost_types::Timestamp {
                        seconds: 1_600_000_000 + i64::from(i) * 1000 + i64::from(n % 7),
                        nanos: 0,
                    });
                }
                validate::record(request, &rules, &Actor::local())
            });
            for recorded in store.record_each(batch.collect::<Result<_, _>>()?).await? {
                recorded?;
            }
        }
    }
    store.close().await;
    Ok(())
}
