//! The first page of a timeline.

use std::time::Duration;

use prost::Message as _;
use throughline::pb::{self, timeline_service_client::TimelineServiceClient};

use crate::{
    Plan, callers, empty,
    load::{self, Measured, scatter},
    pgbench::Pgbench,
    table,
    world::{World, customer_id},
};

pub const PATH: &str = "/throughline.v1.TimelineService/ListTimeline";
/// How often the alternatives take turns.
const ROUNDS: u32 = 3;

/// The query of a first page, as the store sends it, with the customer chosen by pgbench.
const QUERY: &str = "\
\\set n random(1, CUSTOMERS)
select (select revision from customers where id = ID and records = 1), \
(select person_id from customers where id = ID and records <> 1), \
(select string_agg(uuid_send(c.id), '') from customers c where c.person_id <> c.id and c.person_id \
= (select p.person_id from customers p where p.id = ID and p.records <> 1)), \
case when sum(length(p.payload)) <= 3145728 then string_agg(p.payload, '') end, count(*) \
from (select e.payload from entries e where e.customer_id = \
(select c.id from customers c where c.id = ID and c.records = 1) \
and (e.occurred_at, e.entry_id) < (9223372036854775807, 'ffffffff-ffff-ffff-ffff-ffffffffffff') \
and e.occurred_at >= -9223372036854775808 \
order by e.occurred_at desc, e.entry_id desc limit 51) p;
";
/// The id of the customer chosen by pgbench.
const ID: &str =
    "cast('00000000-0000-7000-8000-' || lpad(to_hex(cast(:n as int)), 12, '0') as uuid)";
/// The page as 20 rows with separate columns, as a plain client would read it.
const QUERY_ROWS: &str = "\
\\set n random(1, CUSTOMERS)
select e.occurred_at, e.entry_id, e.payload from entries e \
where e.customer_id = cast('00000000-0000-7000-8000-' \
|| lpad(to_hex(cast(:n as int)), 12, '0') as uuid) \
order by e.occurred_at desc, e.entry_id desc limit 51;
";

pub fn request(customers: u32) -> impl Fn(u64) -> pb::ListTimelineRequest {
    move |n| {
        let n = 1 + u32::try_from(scatter(n) % u64::from(customers)).unwrap_or(0);
        let customer = pb::list_timeline_request::Customer::CustomerId(customer_id(n).to_string());
        pb::ListTimelineRequest { customer: Some(customer), ..Default::default() }
    }
}

/// The answer of a read.
pub async fn page(world: &World) -> anyhow::Result<Vec<u8>> {
    let mut client = TimelineServiceClient::connect(format!("http://{}", world.address)).await?;
    let page = client.list_timeline(request(world.customers)(0)).await?.into_inner();
    anyhow::ensure!(page.entries.len() == 20, "a page of {}", page.entries.len());
    Ok(page.encode_to_vec())
}

/// Reads against pgbench with the same query, and against an RPC from memory.
pub async fn compare(world: &World, pgbench: Option<&Pgbench>, plan: Plan) -> anyhow::Result<()> {
    let bytes = page(world).await?;
    let size = bytes.len();
    let (empty_address, empty) = empty::serve(bytes).await?;

    let mut rows = Vec::new();
    for callers in callers() {
        let mut read = Vec::new();
        let mut from_memory = Vec::new();
        let mut same_query = Vec::new();
        let mut rows_query = Vec::new();
        for _ in 0..ROUNDS {
            let make = request(world.customers);
            read.push(load::run(world.address, PATH, callers, plan.time, make).await?);
            let make = request(world.customers);
            from_memory.push(load::run(empty_address, PATH, callers, plan.time, make).await?);
            if let Some(pgbench) = pgbench {
                let customers = world.customers.to_string();
                let script = |text: &str| text.replace("CUSTOMERS", &customers).replace("ID", ID);
                same_query.push(pgbench.run(&script(QUERY), callers, plan.time)?);
                rows_query.push(pgbench.run(&script(QUERY_ROWS), callers, plan.time)?);
            }
        }
        let ours = median(read.iter().map(|m| m.calls_a_second));
        let memory = median(from_memory.iter().map(|m| m.calls_a_second));
        let mut row = vec![
            callers.to_string(),
            format!("{ours:.0}/s"),
            micros(&read, |m| m.p50),
            micros(&read, |m| m.p99),
            format!("{memory:.0}/s"),
            format!("{:.2}", ours / memory),
        ];
        if pgbench.is_some() {
            let same = median(same_query.into_iter());
            let rows = median(rows_query.into_iter());
            row.extend([format!("{same:.0}/s"), format!("{:.2}", ours / same)]);
            row.extend([format!("{rows:.0}/s"), format!("{:.2}", ours / rows)]);
        }
        rows.push(row);
    }
    empty.abort();
    let title = format!(
        "ListTimeline on {}: first page, {} customers x 20 entries, {size} bytes an answer",
        world.name, world.customers
    );
    let mut heads = vec!["callers", "reads", "p50", "p99", "from memory", "ratio"];
    if pgbench.is_some() {
        heads.extend(["pgbench, same query", "ratio", "pgbench, rows", "ratio"]);
    }
    table::print(&title, &heads, &rows);
    Ok(())
}

/// The read's time in a large world against a small one, a single caller, in turns.
pub async fn compare_sizes(large: &World, small: &World, plan: Plan) -> anyhow::Result<()> {
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let make = request(small.customers);
        times.0.push(load::run(small.address, PATH, 1, plan.time, make).await?);
        let make = request(large.customers);
        times.1.push(load::run(large.address, PATH, 1, plan.time, make).await?);
    }
    let p50 = |m: &[Measured]| median(m.iter().map(|m| m.p50.as_secs_f64() * 1e6));
    let (a, b) = (p50(&times.0), p50(&times.1));
    let row = |world: &World, time: f64| {
        vec![
            (world.customers * 20).to_string(),
            format!("{time:.0} us"),
            format!("{:.2}", time / a),
        ]
    };
    let title = format!("ListTimeline on {}: p50 by size, 1 caller", large.name);
    table::print(&title, &["entries", "p50", "ratio"], &[row(small, a), row(large, b)]);
    Ok(())
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn micros(measured: &[Measured], of: impl Fn(&Measured) -> Duration) -> String {
    format!("{:.0} us", median(measured.iter().map(|m| of(m).as_secs_f64() * 1e6)))
}
