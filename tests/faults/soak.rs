//! Hours in minutes: whether memory and descriptors reach a plateau while calls go on.

use std::time::Duration;

use futures_util::future::join;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    Form,
    kill::end,
    load::{Load, Size},
    report::Outcome,
    world::{Kind, World},
};

/// The duration, and the warm-up, while caches fill.
const TIME: Duration = Duration::from_secs(30 * 60);
const BEGINNING: Duration = Duration::from_secs(10 * 60);
const EVERY: Duration = Duration::from_secs(10);
/// The short form only shows that it works: this many times faster.
const FASTER: u32 = 300;
/// How much memory may grow per minute.
const SLOPE_MIB: f64 = 0.1;
/// A client connection is opened or closed at any moment.
const CHANGING: usize = 4;
/// The pace of each writer.
const PACE: Duration = Duration::from_millis(100);

pub async fn soak(form: Form) -> Vec<Outcome> {
    let [sqlite, postgres] = Kind::BOTH.map(|kind| of(kind, form));
    let (sqlite, postgres) = join(sqlite, postgres).await;
    vec![sqlite, postgres]
}

async fn of(kind: Kind, form: Form) -> Outcome {
    let mut outcome =
        Outcome::new(form.pick("soak of 6 seconds", "soak of 30 minutes"), kind.name());
    let Some(mut world) = outcome.world(kind).await else { return outcome };
    world.start().await;
    let size = Size { writers: 16, customers: 2000, pace: PACE, ..Default::default() };
    let load = Load::start(world.addresses(), size);
    watch(&world, form, &mut outcome).await;
    end(&mut world, load, Ok(()), &mut outcome).await;
    outcome
}

async fn watch(world: &World, form: Form, outcome: &mut Outcome) {
    let (mut memory, mut descriptors) = (Vec::new(), Vec::new());
    let faster = form.pick(FASTER, 1);
    let begun = Instant::now();
    let mut every = interval(EVERY / faster);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begun.elapsed() < TIME / faster {
        every.tick().await;
        let minutes = begun.elapsed().as_secs_f64() / 60.0;
        let (own, all) = (world.server().own_memory() >> 10, world.server().memory() >> 10);
        let open = world.server().descriptors();
        if form == Form::Long {
            println!(
                "    {minutes:5.1} min  {:<10}  {own:>5} MiB of its own, {all:>5} in all, {open} files",
                world.kind.name()
            );
        }
        if begun.elapsed() > BEGINNING / faster {
            memory.push((minutes, world.server().own_memory() as f64 / 1024.0));
            descriptors.push(open);
        }
    }
    let slope = slope(&memory);
    let (least, most) = (descriptors.iter().min().unwrap(), descriptors.iter().max().unwrap());
    outcome.tried = 1;
    outcome.note = format!("memory {slope:+.3} MiB a minute, {least} to {most} descriptors");
    if form == Form::Long && slope > SLOPE_MIB {
        outcome.problems.push("memory grows".to_owned());
    }
    if form == Form::Long && most - least > CHANGING {
        outcome.problems.push("descriptors are not constant".to_owned());
    }
}

/// The slope of the pairs, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|it| it.0).sum::<f64>() / count;
    let mean_y = points.iter().map(|it| it.1).sum::<f64>() / count;
    let above = points.iter().map(|it| (it.0 - mean_x) * (it.1 - mean_y)).sum::<f64>();
    let below = points.iter().map(|it| (it.0 - mean_x).powi(2)).sum::<f64>();
    above / below
}
