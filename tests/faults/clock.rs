//! A wall clock that jumps.

use std::time::Duration;

use crate::{
    Form, kill,
    load::{LATER, Load, Size},
    report::Outcome,
    wait::{until, within},
    world::{Kind, World},
};

const HOUR: i64 = 3600;
/// The offsets of the server's clock, one after the other.
const JUMPS: [i64; 5] = [-24 * HOUR, 0, 30 * HOUR, -2 * HOUR, 0];
/// The number of calls that are answered before the next jump.
const ANSWERED: usize = 60;
/// The answer to a call that would be valid by a correct clock.
const SKEWED: &str = "Unavailable CLOCK_SKEW";
const BOUND: Duration = Duration::from_secs(60);

pub async fn jumps(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut outcome = Outcome::new("clock jumps by hours", kind.name());
        if let Some(mut world) = outcome.world(kind).await {
            world.start().await;
            let load = Load::start(world.addresses(), Size { due: LATER, ..Default::default() });
            let jumped = jump(&world, &load, form, &mut outcome).await;
            let refused = load.refused_records();
            if !refused.is_empty() {
                let count = refused.len();
                outcome.problems.push(format!("{count} entries refused for good: {}", refused[0]));
            }
            // The control: otherwise the clock was always right.
            if !load.codes().contains_key(SKEWED) {
                outcome.problems.push("no call was refused for the clock".to_owned());
            }
            kill::end(&mut world, load, jumped, &mut outcome).await;
        }
        outcomes.push(outcome);
    }
    outcomes
}

async fn jump(world: &World, load: &Load, form: Form, outcome: &mut Outcome) -> Result<(), String> {
    outcome.recovered(load.more(20, form.recovery()).await?);
    for _ in 0..form.pick(1, 5) {
        for seconds in JUMPS {
            world.shim.set_clock(seconds);
            let before = load.answered();
            let answered = until(async || load.answered() >= before + ANSWERED);
            within(BOUND, "calls are answered", answered).await;
            outcome.tried += 1;
        }
        outcome.recovered(load.more(20, form.recovery()).await?);
    }
    Ok(())
}
