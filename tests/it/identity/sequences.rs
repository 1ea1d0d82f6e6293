//! Random sequences of calls, each compared with the oracle. A sequence is a list of seeds, one per
//! call, derived from one seed: a failure is reproducible, also with calls left out.

use std::{
    collections::BTreeMap,
    env,
    ops::Range,
    sync::Arc,
    sync::atomic::{AtomicU64, Ordering},
};

use sqlx::{Connection as _, PgConnection};
use throughline::{
    clock::{Clock, MovedClock},
    model::Micros,
    store::Store,
};

use super::{
    call::{self, Call, Choices, Mood},
    oracle::Oracle,
    rows::Rows,
    world::{World, Wrong},
};
use crate::{
    random::Random,
    support::{Database, NOW},
};

/// How many sequences `cargo test` runs on each database.
const FEW: u64 = 120;
/// How many the long form runs.
const MANY: u64 = 10_000;
const NO_WAIT: &str = "do $$ begin execute \
    format('alter database %I set synchronous_commit = off', current_database()); end $$";
/// How many run at the same time.
const WORKERS: usize = 2;

/// The seeds of the calls of a sequence.
fn steps(seed: u64) -> Vec<u64> {
    let mut random = Random::of(seed);
    let count = 8 + random.below(40);
    (0..count).map(|_| random.next()).collect()
}

/// A database with room for sequences, one after the other.
struct Bench {
    store: Store,
    url: String,
    clock: &'static MovedClock,
    run: u32,
}

/// Where and how a sequence failed.
struct Failure {
    step: usize,
    wrong: Wrong,
    calls: Vec<Call>,
}

impl Bench {
    async fn new(url: &str, run: u32) -> Self {
        // As long as the tests run.
        let clock: &'static MovedClock = Box::leak(Box::default());
        let store = Store::open(url, 3, Clock::Moved(clock)).await.unwrap();
        Self { store, url: url.to_owned(), clock, run }
    }

    /// A world without customers.
    async fn begin(&mut self, seed: u64) -> World {
        self.run += 1;
        self.clock.begin(NOW, seed, self.run);
        World {
            store: self.store.clone(),
            rows: Rows::of(&self.url).await,
            oracle: Oracle::default(),
            clock: self.clock,
            run: self.run,
            seen: BTreeMap::new(),
            etags: BTreeMap::new(),
        }
    }

    /// Runs a sequence; compares everything now and then, or after each call.
    async fn run(&mut self, seed: u64, steps: &[u64], closely: bool) -> Result<(), Failure> {
        let mut world = self.begin(seed).await;
        let mut calls = Vec::new();
        let mut next = 0;
        for (step, seed_of_step) in steps.iter().enumerate() {
            let mut random = Random::of(*seed_of_step);
            self.clock.forward(call::pause(&mut random));
            let oracle = &world.oracle;
            let from = Choices {
                records: oracle.records.len(),
                merges: oracle.edges.len(),
                entries: oracle.lines.len(),
                calls: &calls,
                next,
            };
            let call = call::call(&mut random, Mood::of(seed), &from);
            next += 10;
            calls.push(call.clone());
            let mut result = world.call(&call).await;
            if result.is_ok() && (closely || step + 1 == steps.len() || random.one_in(8)) {
                result = world.compare(&mut random).await;
            }
            if let Err(wrong) = result {
                return Err(Failure { step, wrong, calls });
            }
        }
        Ok(())
    }

    /// The shortest failing sequence found by leaving out calls one after the other.
    async fn shrink(&mut self, seed: u64, mut steps: Vec<u64>) -> Option<Failure> {
        let mut last = None;
        loop {
            let before = steps.len();
            if let Err(failure) = self.run(seed, &steps, true).await {
                steps.truncate(failure.step + 1);
                last = Some(failure);
            }
            for place in (0..steps.len()).rev() {
                let mut fewer = steps.clone();
                fewer.remove(place);
                if let Err(failure) = self.run(seed, &fewer, true).await {
                    fewer.truncate(failure.step + 1);
                    steps = fewer;
                    last = Some(failure);
                }
                if place > steps.len() {
                    break;
                }
            }
            if steps.len() == before {
                return last;
            }
        }
    }

    /// Runs the sequence of a seed; returns all details if it fails.
    async fn check(&mut self, seed: u64) -> Result<(), String> {
        let Err(failure) = self.run(seed, &steps(seed), false).await else { return Ok(()) };
        let wrong = failure.wrong;
        let shrunk = self.shrink(seed, steps(seed)).await;
        let told = shrunk.map_or("it does not fail again".to_owned(), |failure| {
            let calls = failure.calls.iter().map(|call| format!("\n  {call:?}"));
            format!("{}\nafter{}", failure.wrong, calls.collect::<String>())
        });
        Err(format!(
            "sequence {seed} failed: {wrong}\n\nreplay: SEQUENCE={seed} cargo test --test it -- \
             --ignored identity::sequences::one_sequence\n\nshrunk: {told}"
        ))
    }
}

/// Makes these calls with pauses, and compares after each; returns the world at the end.
pub async fn play(database: &Database, pause: Micros, calls: &[Call]) -> World {
    let mut bench = Bench::new(&database.url, 0).await;
    let mut world = bench.begin(1).await;
    for call in calls {
        bench.clock.forward(pause);
        let mut result = world.call(call).await;
        if result.is_ok() {
            result = world.compare(&mut Random::of(1)).await;
        }
        result.unwrap_or_else(|wrong| panic!("{call:?}: {wrong}"));
    }
    world
}

/// Runs the sequences of the seeds, some concurrently.
async fn all(seeds: Range<u64>, databases: &[Database]) {
    let next = Arc::new(AtomicU64::new(seeds.start));
    let mut workers = Vec::new();
    for worker in 0..WORKERS {
        let Some(database) = databases.get(worker % databases.len().max(1)) else { break };
        let (next, url) = (Arc::clone(&next), database.url.clone());
        workers.push(tokio::spawn(async move {
            let mut bench = Bench::new(&url, u32::try_from(worker).unwrap() << 20).await;
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    break;
                }
                bench.check(seed).await?;
            }
            bench.store.close().await;
            Ok(())
        }));
    }
    let mut failures = Vec::new();
    for worker in workers {
        let result: Result<(), String> = worker.await.unwrap();
        failures.extend(result.err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// A database for each worker.
fn sqlite() -> Vec<Database> {
    (0..WORKERS).map(|_| Database::sqlite()).collect()
}

/// One database for all, without fsync: nothing crashes here.
async fn postgres() -> Vec<Database> {
    let Some(database) = Database::postgres().await else { return Vec::new() };
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    sqlx::query(NO_WAIT).execute(&mut connection).await.unwrap();
    vec![database]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sequence_is_as_the_oracle_says_on_sqlite() {
    all(0..FEW, &sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_sequence_is_as_the_oracle_says_on_postgres() {
    all(0..FEW, &postgres().await).await;
}

/// The long form: `cargo test --release --test it -- --ignored identity::sequences::many`.
/// SEQUENCES is another number of them, or the seeds from one to before another: 500..1000.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes"]
async fn many_sequences_on_sqlite() {
    all(many(), &sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes"]
async fn many_sequences_on_postgres() {
    all(many(), &postgres().await).await;
}

fn many() -> Range<u64> {
    let Ok(text) = env::var("SEQUENCES") else { return 0..MANY };
    let (from, to) = text.split_once("..").unwrap_or(("0", &text));
    from.parse().unwrap()..to.parse().unwrap()
}

/// Runs the sequence of the seed in SEQUENCE again, on both databases.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "replays the sequence of a seed"]
async fn one_sequence() {
    let seed = env::var("SEQUENCE").expect("SEQUENCE is a seed").parse().unwrap();
    for database in [Some(Database::sqlite()), Database::postgres().await].into_iter().flatten() {
        let result = Bench::new(&database.url, 0).await.check(seed).await;
        result.unwrap_or_else(|told| panic!("on {}: {told}", database.name));
    }
}
