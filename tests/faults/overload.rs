//! More calls than the server can handle: its throughput must not decrease.

use std::time::Duration;

use crate::{
    Form,
    blast::{Blast, Came, LOAD_CORE, Pace, SERVER_CORE, cores, keep_to, keep_to_all},
    report::Outcome,
    slow::fill,
    world::{Kind, World},
};

const CONNECTIONS: usize = 500;
/// The load that determines the peak throughput.
const PEAK: Pace = Pace::Closed { under_way: 128 };
const PEAK_CONNECTIONS: usize = 8;
const WARM: Duration = Duration::from_secs(3);
const PEAK_TIME: Duration = Duration::from_secs(6);
const TIME: Duration = Duration::from_secs(10);

/// The multiples of the peak, and the minimum share of the peak that must be handled.
const STEPS: [(usize, f64); 5] = [(1, 0.0), (2, 0.8), (5, 0.8), (10, 0.8), (20, 0.5)];
/// The share of reads that must be within their deadline at ten times the peak.
const READS: f64 = 0.99;
/// The share of the peak that must be handled right afterwards.
const AFTER: f64 = 0.8;
/// The memory limit.
const MEMORY_KIB: u64 = 256 << 10;

/// Exceeds the peak, step by step. Only in the long form: it is a benchmark, and a debug build has
/// another peak.
pub async fn beyond(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    if form == Form::Short {
        return outcomes;
    }
    let all = cores();
    for kind in Kind::BOTH {
        let mut unstarted = Outcome::new("overload", kind.name());
        // PostgreSQL too: on the core of the load it would work at the peak, and not beyond it.
        keep_to(SERVER_CORE);
        let Some(mut world) = unstarted.world(kind).await else {
            keep_to_all(&all);
            outcomes.push(unstarted);
            continue;
        };
        world.start().await;
        keep_to(LOAD_CORE);
        let customer_id = fill(&mut world.client(), None).await;
        let blast = |name: &str, connections, pace, time| Blast {
            address: world.server().address,
            tag: name.to_owned(),
            connections,
            pace,
            time,
            customer_id: customer_id.clone(),
        };
        blast("warm", PEAK_CONNECTIONS, PEAK, WARM).run().await;
        let peak = async |name: &str| {
            let came = blast(name, PEAK_CONNECTIONS, PEAK, PEAK_TIME).run().await;
            came.done() as f64 / PEAK_TIME.as_secs_f64()
        };
        let rest = world.server().memory();
        let mut before = peak("before").await;
        for (times, share) in STEPS {
            let pace = Pace::Open { per_second: before as usize * times };
            let came = blast(&format!("times-{times}"), CONNECTIONS, pace, TIME).run().await;
            let held = world.server().memory();
            // A larger database is slower: the throughput is compared with peaks just before and
            // just after.
            let after = peak(&format!("after-{times}")).await;
            let mut outcome =
                row(&came, format!("{times} times the peak"), &world, [before, after]);
            let done = came.done() as f64 / TIME.as_secs_f64() / ((before + after) / 2.0);
            if done < share {
                outcome.problems.push(format!("{done:.2} of the peak, not {share}"));
            }
            let reads = came.reads.0 as f64 / came.reads.1 as f64;
            if times <= 10 && reads < READS {
                outcome.problems.push(format!("{reads:.3} of the reads in time"));
            }
            if after < AFTER * before {
                outcome.problems.push("not at full speed again".to_owned());
            }
            if held > rest + MEMORY_KIB {
                outcome.problems.push(format!("{} MiB more", (held - rest) >> 10));
            }
            outcomes.push(outcome);
            before = after;
        }
        world.stop().await;
        keep_to_all(&all);
    }
    outcomes
}

/// The row of a step, next to the peaks before and after it.
fn row(came: &Came, name: String, world: &World, peaks: [f64; 2]) -> Outcome {
    let mut outcome = Outcome::new(name, world.kind.name());
    outcome.tried = came.asked;
    outcome.acknowledged = came.done();
    for (code, count) in came.writes.iter().filter(|(code, _)| **code != Some(0)) {
        let name = code.map_or("no answer".to_owned(), |it| format!("{:?}", tonic::Code::from(it)));
        outcome.codes.insert(name, *count);
    }
    // The control: the load makes no invalid calls.
    if came.writes.contains_key(&Some(tonic::Code::InvalidArgument as i32)) {
        outcome.problems.push("the load itself is wrong".to_owned());
    }
    let [before, after] = peaks;
    let per_second = came.done() as f64 / TIME.as_secs_f64();
    outcome.note = format!(
        "{per_second:.0}/s, {:.2} of the peak ({before:.0} and {after:.0}/s); reads {}/{}",
        2.0 * per_second / (before + after),
        came.reads.0,
        came.reads.1,
    );
    outcome
}
