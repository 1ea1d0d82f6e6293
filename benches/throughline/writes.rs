//! RecordEntry, durable, one entry per call.

use std::sync::atomic::{AtomicU32, Ordering};

use throughline::pb;

use crate::{
    Plan, callers,
    load::{self, scatter},
    pgbench::Pgbench,
    reads::{median, micros},
    table,
    world::{World, customer_id, entry},
};

const PATH: &str = "/throughline.v1.TimelineService/RecordEntry";
const ROUNDS: u32 = 3;

/// Inserts a row like the entry's into a table with the same rows and indexes, one transaction
/// each. The id is composed of two numbers: gen_random_uuid() alone would cost as much as the
/// insert.
const INSERT: &str = "\
\\set n random(1, CUSTOMERS)
\\set a random(1, 2147483647)
\\set b random(1, 2147483647)
insert into bench_entries (customer_id, occurred_at, entry_id, kind, channel, payload) values \
(cast('00000000-0000-7000-8000-' || lpad(to_hex(cast(:n as int)), 12, '0') as uuid), \
1750000000000000 + cast(:a as bigint), \
cast(lpad(to_hex(cast(:a as bigint)), 16, '0') || \
lpad(to_hex(cast(:b as bigint)), 16, '0') as uuid), \
'interaction', 'phone', cast('PAYLOAD' as bytea));
";

/// No two runs send the same entry.
static RUN: AtomicU32 = AtomicU32::new(0);

fn request(customers: u32) -> impl Fn(u64) -> pb::RecordEntryRequest {
    let run = RUN.fetch_add(1, Ordering::Relaxed);
    move |n| {
        let customer = 1 + u32::try_from(scatter(n) % u64::from(customers)).unwrap_or(0);
        let mut request = entry(customer, 21);
        request.customer_id = customer_id(customer).to_string();
        if let Some(entry) = &mut request.entry {
            entry.source_ref = format!("write-{run}-{n}");
        }
        request
    }
}

/// Writes against single-row inserts by pgbench.
pub async fn compare(world: &World, pgbench: Option<&Pgbench>, plan: Plan) -> anyhow::Result<()> {
    if let Some(pgbench) = pgbench {
        pgbench.sql("create table bench_entries (like entries including all)")?;
        pgbench.sql("insert into bench_entries select * from entries")?;
        pgbench.sql("vacuum analyze bench_entries")?;
        pgbench.sql("checkpoint")?;
    }
    let mut rows = Vec::new();
    for callers in callers() {
        let mut written = Vec::new();
        let mut inserts = Vec::new();
        for _ in 0..ROUNDS {
            let make = request(world.customers);
            written.push(load::run(world.address, PATH, callers, plan.time, make).await?);
            if let Some(pgbench) = pgbench {
                let script = INSERT.replace("CUSTOMERS", &world.customers.to_string());
                let script = script.replace("PAYLOAD", &"x".repeat(290));
                inserts.push(pgbench.run(&script, callers, plan.time)?);
            }
        }
        let ours = median(written.iter().map(|m| m.calls_a_second));
        let mut row = vec![
            callers.to_string(),
            format!("{ours:.0}/s"),
            micros(&written, |m| m.p50),
            micros(&written, |m| m.p99),
        ];
        if pgbench.is_some() {
            let theirs = median(inserts.into_iter());
            row.extend([format!("{theirs:.0}/s"), format!("{:.2}", ours / theirs)]);
        }
        rows.push(row);
    }
    let title = format!("RecordEntry on {}: durable, one entry a call", world.name);
    let mut heads = vec!["callers", "writes", "p50", "p99"];
    if pgbench.is_some() {
        heads.extend(["pgbench inserts", "ratio"]);
    }
    table::print(&title, &heads, &rows);
    Ok(())
}
