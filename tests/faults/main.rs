//! Realistic faults: killed processes, power cuts, failing disks, an unavailable database, callers
//! that do not read. A load runs meanwhile and remembers what was acknowledged; afterwards nothing
//! may be lost or done twice, and service resumes without a restart once the cause is gone.
//!
//! `cargo test --test faults` runs the short form, which `cargo test` includes; `FAULTS=long cargo
//! test --release --test faults` the long one. Words after `--` select faults by name, `--list`
//! lists them, and `--json` prints the results for programs. What needs root, or PostgreSQL, is
//! skipped with a message if that is missing.

mod blast;
mod cancel;
mod check;
mod client;
mod clock;
mod cluster;
mod control;
mod crowd;
mod disk;
mod ext4;
mod failover;
mod frozen;
mod health;
mod idle;
mod kill;
mod load;
mod neighbour;
mod overload;
mod power;
mod proxy;
mod raw;
mod report;
mod secure;
mod server;
mod shim;
mod shown;
mod slow;
mod soak;
mod stored;
mod wait;
mod watch;
mod world;

#[path = "../it/support/authority.rs"]
mod authority;
#[path = "../it/support/folder.rs"]
mod folder;
#[path = "../it/support/postgres.rs"]
mod postgres;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../it/random.rs"]
mod random;

use std::{
    any::Any,
    env,
    panic::AssertUnwindSafe,
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;

use report::Outcome;

/// The size of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Short,
    Long,
}

impl Form {
    /// One of two sizes.
    pub fn pick<T>(self, short: T, long: T) -> T {
        match self {
            Self::Short => short,
            Self::Long => long,
        }
    }

    /// How soon after the end of a fault an operation must be acknowledged. The short form runs
    /// alongside other work, and tests whether, not when.
    pub fn recovery(self) -> Duration {
        Duration::from_secs(self.pick(20, 5))
    }
}

type Run = Pin<Box<dyn Future<Output = Vec<Outcome>>>>;

/// A fault by its name.
struct Fault {
    name: &'static str,
    run: fn(Form) -> Run,
}

#[rustfmt::skip]
const FAULTS: &[Fault] = &[
    Fault { name: "control_tampered", run: |form| Box::pin(control::tampered(form)) },
    Fault { name: "kill_server", run: |form| Box::pin(kill::server(form)) },
    Fault { name: "kill_at_points", run: |form| Box::pin(kill::server_at_points(form)) },
    Fault { name: "kill_postgres", run: |form| Box::pin(kill::postgres(form)) },
    Fault { name: "disk_fails_once", run: |form| Box::pin(disk::once(form)) },
    Fault { name: "disk_fails_for_a_while", run: |form| Box::pin(disk::for_a_while(form)) },
    Fault { name: "database_silent", run: |form| Box::pin(frozen::silent(form)) },
    Fault { name: "calls_taken_back", run: |form| Box::pin(cancel::taken_back(form)) },
    Fault { name: "clock_jumps", run: |form| Box::pin(clock::jumps(form)) },
    Fault { name: "answers_unread", run: |form| Box::pin(slow::unread(form)) },
    Fault { name: "control_unread_unbounded", run: |form| Box::pin(slow::unread_unbounded(form)) },
    Fault { name: "requests_unfinished", run: |form| Box::pin(slow::unfinished(form)) },
    Fault { name: "connections_idle", run: |form| Box::pin(idle::flood(form)) },
    Fault { name: "control_full_house", run: |form| Box::pin(idle::full_house(form)) },
    Fault { name: "desktops_idle", run: |form| Box::pin(crowd::desktops(form)) },
    Fault { name: "primary_lost", run: |form| Box::pin(failover::promoted(form)) },
    Fault { name: "control_standby_behind", run: |form| Box::pin(failover::behind(form)) },
    Fault { name: "overload", run: |form| Box::pin(overload::beyond(form)) },
    Fault { name: "soak", run: |form| Box::pin(soak::soak(form)) },
    Fault { name: "power_cut", run: |form| Box::pin(power::cut(form)) },
    Fault { name: "control_power_cut_unsynced", run: |form| Box::pin(power::unsynced(form)) },
];

fn main() -> ExitCode {
    let form = match env::var("FAULTS").as_deref() {
        Ok("long") => Form::Long,
        _ => Form::Short,
    };
    let Some(chosen) = chosen() else { return ExitCode::SUCCESS };
    let runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = { runtime }.worker_threads(2).enable_all().build().unwrap();
    let begun = Instant::now();
    let mut outcomes = Vec::new();
    for fault in chosen {
        println!("{:>5} s  {}", begun.elapsed().as_secs(), fault.name);
        let run = AssertUnwindSafe((fault.run)(form)).catch_unwind();
        let mut done =
            runtime.block_on(run).unwrap_or_else(|panic| vec![panicked(fault.name, &*panic)]);
        for outcome in &mut done {
            outcome.must_have_tried();
            println!("{outcome}");
            outcome.details().iter().for_each(|line| println!("    {line}"));
        }
        outcomes.extend(done);
    }
    cluster::clear();
    summary(&outcomes, begun)
}

/// The faults selected by the arguments, in the form of the usual test harness. None: nothing is to
/// be run.
fn chosen() -> Option<Vec<&'static Fault>> {
    let (mut words, mut skipped, mut is_exact) = (Vec::new(), Vec::new(), false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => {
                FAULTS.iter().for_each(|fault| println!("{}: test", fault.name));
                return None;
            }
            // None of these is ignored.
            "--ignored" => return None,
            "--exact" => is_exact = true,
            "--skip" => skipped.extend(arguments.next()),
            "--test-threads" | "--format" | "--color" | "-Z" => drop(arguments.next()),
            option if option.starts_with('-') => {}
            _ => words.push(argument),
        }
    }
    let is_named = |name: &str, word: &String| match is_exact {
        true => name == word,
        false => name.contains(word.as_str()),
    };
    let is_chosen = |fault: &&Fault| {
        (words.is_empty() || words.iter().any(|word| is_named(fault.name, word)))
            && !skipped.iter().any(|word| is_named(fault.name, word))
    };
    Some(FAULTS.iter().filter(is_chosen).collect())
}

fn panicked(name: &str, panic: &(dyn Any + Send)) -> Outcome {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
    let mut outcome = Outcome::new(name, "");
    outcome.problems.push(text.unwrap_or_else(|| "it panicked".to_owned()));
    outcome
}

/// Prints all rows again, and returns whether the tests have passed.
fn summary(outcomes: &[Outcome], begun: Instant) -> ExitCode {
    if outcomes.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\n{}", report::HEADER);
    outcomes.iter().for_each(|outcome| println!("{outcome}"));
    let failed = outcomes.iter().filter(|outcome| !outcome.problems.is_empty()).count();
    println!("\n{} faults, {failed} failed; {} s", outcomes.len(), begun.elapsed().as_secs());
    if env::args().any(|argument| argument == "--json") {
        let all: Vec<_> = outcomes.iter().map(Outcome::json).collect();
        println!("{}", serde_json::Value::from(all));
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
