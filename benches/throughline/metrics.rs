//! The cost of metrics per read. The difference between a server with metrics and one without is
//! less than the noise of this benchmark. Therefore the metrics' part of a read is repeated by
//! itself, and compared with the CPU time of reads through the whole server.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use throughline::{
    clock::Clock,
    metrics::{CallUnderWay, Metrics, Operation, Queue},
};

use crate::{
    Plan, empty,
    load::{self, Measured},
    reads::{self, PATH},
    table,
    world::World,
};

/// How often each is measured.
const ROUNDS: usize = 5;
/// How often the metrics' part of a read is repeated in each thread.
const TIMES: u32 = 200_000;
/// A database pool has the connections of a machine with two cores.
const THREADS: usize = 2;

/// The sum of some series.
fn sum(text: &str, name: &str) -> f64 {
    let of_name = text.lines().filter(|line| line.starts_with(name));
    of_name.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// The metrics of reads, and the CPU time of the process.
#[derive(Clone, Copy)]
struct Given {
    calls: f64,
    statements: f64,
    waits: f64,
    batches: f64,
    cpu_seconds: f64,
}

impl Given {
    fn of(metrics: &Metrics) -> anyhow::Result<Self> {
        let text = metrics.encode()?;
        Ok(Self {
            calls: sum(&text, "rpc_server_call_duration_seconds_count"),
            statements: sum(&text, "db_client_operation_duration_seconds_count"),
            waits: sum(&text, "throughline_pool_wait_seconds_count"),
            batches: sum(&text, "throughline_batch_size_count"),
            cpu_seconds: sum(&text, "process_cpu_seconds_total"),
        })
    }

    /// The difference per call.
    fn until(self, later: Self) -> Self {
        let calls = later.calls - self.calls;
        Self {
            calls,
            statements: (later.statements - self.statements) / calls,
            waits: (later.waits - self.waits) / calls,
            batches: (later.batches - self.batches) / calls,
            cpu_seconds: (later.cpu_seconds - self.cpu_seconds) / calls,
        }
    }

    /// Repeats the metrics' part of a read in several threads, and returns the time of one.
    fn again(self) -> Duration {
        let metrics = Arc::new(Metrics::new("sqlite", Clock::System));
        let pool = metrics.database.pool("sqlite", "database", "read");
        let (statements, waits) = (self.statements.ceil() as usize, self.waits.ceil() as usize);
        let batches = self.batches.ceil() as usize;
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..TIMES {
                        let call = CallUnderWay::begin(&metrics, &PATH[1..]);
                        for _ in 0..waits {
                            pool.waited(Instant::now().elapsed());
                        }
                        for _ in 0..statements {
                            pool.operation(Operation::Read, Instant::now().elapsed(), None);
                        }
                        (0..batches).for_each(|_| metrics.store.batch(Queue::Audit, 8));
                        call.end("OK", None);
                    }
                });
            }
        });
        begun.elapsed() / TIMES
    }
}

/// The CPU time of a call, of the server and its clients together.
async fn cpu_of_a_call(
    metrics: &Metrics,
    calling: impl Future<Output = anyhow::Result<Measured>>,
    time: Duration,
) -> anyhow::Result<f64> {
    let before = Given::of(metrics)?.cpu_seconds;
    let measured = calling.await?;
    let after = Given::of(metrics)?.cpu_seconds;
    Ok((after - before) / (measured.calls_a_second * time.as_secs_f64()))
}

pub async fn compare(world: &World, plan: Plan) -> anyhow::Result<()> {
    let (address, memory) = empty::serve(reads::page(world).await?).await?;
    let mut rows = Vec::new();
    for callers in [1, 32] {
        let (mut metrics, mut read, mut rpc) = (Vec::new(), Vec::new(), Vec::new());
        let mut given = Given::of(&world.metrics)?;
        for _ in 0..ROUNDS {
            let before = Given::of(&world.metrics)?;
            let make = reads::request(world.customers);
            load::run(world.address, PATH, callers, plan.time, make).await?;
            given = before.until(Given::of(&world.metrics)?);
            read.push(given.cpu_seconds * 1e6);
            let make = reads::request(world.customers);
            let calling = load::run(address, PATH, callers, plan.time, make);
            rpc.push(cpu_of_a_call(&world.metrics, calling, plan.time).await? * 1e6);
            metrics.push(given.again().as_secs_f64() * 1e6);
        }
        let beyond = reads::median(read.iter().copied()) - reads::median(rpc.iter().copied());
        let cost = reads::median(metrics.iter().copied());
        rows.push(vec![
            callers.to_string(),
            format!("{:.1}", given.statements),
            spread(&metrics, 2),
            spread(&read, 0),
            spread(&rpc, 0),
            format!("{:.2}%", 100.0 * cost / reads::median(read.iter().copied())),
            format!("{:.2}%", 100.0 * cost / beyond),
        ]);
    }
    memory.abort();
    let title = format!("metrics of a ListTimeline on {}, {ROUNDS} turns, us of CPU", world.name);
    let heads = [
        "callers",
        "statements",
        "metrics",
        "read and caller",
        "RPC from memory",
        "of all",
        "of the read alone",
    ];
    table::print(&title, &heads, &rows);
    Ok(())
}

/// The median, the least and the most.
fn spread(values: &[f64], digits: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    let median = reads::median(values.iter().copied());
    format!("{median:.digits$} ({least:.digits$}-{most:.digits$})")
}
