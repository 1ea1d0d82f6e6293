//! Callers that cancel their calls at any moment.

use std::time::Duration;

use crate::{
    Form,
    kill::end,
    load::{Load, Size, TAKEN_BACK},
    report::Outcome,
    stored::Connection,
    wait::{until, within},
    world::{Kind, World},
};

const BOUND: Duration = Duration::from_secs(1800);
/// How long an abandoned transaction may take to end.
const LEFT: Duration = Duration::from_secs(20);
/// Transactions that are neither committed nor rolled back.
const OPEN: &str = "select cast(pid as text) from pg_stat_activity \
    where application_name = 'throughline' and state like 'idle in transaction%'";
const OWN: &str = "select cast(pg_backend_pid() as text)";

pub async fn taken_back(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut outcome = Outcome::new("calls taken back", kind.name());
        if let Some(mut world) = outcome.world(kind).await {
            world.start().await;
            let size = Size { takes_back: true, writers: 16, ..Default::default() };
            let load = Load::start(world.addresses(), size);
            let count = || load.codes().get(TAKEN_BACK).copied().unwrap_or_default();
            let wanted = form.pick(300, 10_000);
            within(BOUND, "calls are taken back", until(async || count() >= wanted)).await;
            outcome.tried = count();
            let recovery = load.more(5, form.recovery()).await;
            let done = recovery.map(|time| outcome.recovered(time));
            if kind == Kind::Postgres {
                none_open(&world).await;
                if !is_found(&world).await {
                    outcome.problems.push("an open transaction is not found".to_owned());
                }
            }
            end(&mut world, load, done, &mut outcome).await;
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// The control: an open transaction is found.
async fn is_found(world: &World) -> bool {
    let mut left = Connection::open(world).await;
    left.execute("set application_name to 'throughline'").await;
    left.execute("begin").await;
    let own: Vec<(String,)> = left.rows(OWN, None).await;
    left_open(world).await.contains(&own[0])
}

async fn left_open(world: &World) -> Vec<(String,)> {
    Connection::open(world).await.rows(OPEN, None).await
}

/// Waits until no abandoned transaction is open. The load goes on, so that some are open at any
/// moment; an abandoned one is open at every moment.
async fn none_open(world: &World) {
    let none = until(async || left_open(world).await.is_empty());
    within(LEFT, "no transaction is left open", none).await;
}
