//! Processes that are killed under load: the server, and PostgreSQL.

use std::time::Duration;

use rustix::process::Signal;

use crate::{
    Form,
    check::check,
    cluster::Kill,
    load::{Load, Size},
    random::Random,
    report::Outcome,
    shim::{Action, Calls, Rule},
    wait::{until, within},
    world::{Kind, World},
};

/// How long a load may take to reach a point.
const POINT: Duration = Duration::from_secs(60);
/// The most operations that are acknowledged between two kills.
const BETWEEN: usize = 60;
/// The history is checked after this many kills of a world.
const CHECKED: usize = 50;

/// Kills the server at any time.
pub async fn server(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for kind in Kind::BOTH {
        let mut outcome = Outcome::new("server killed at random", kind.name());
        let mut left = form.pick(8, 160);
        while left > 0 {
            let Some(mut world) = outcome.world(kind).await else { break };
            let kills = left.min(CHECKED);
            kill_often(&mut world, kills, form, &mut outcome).await;
            left -= kills;
        }
        outcomes.push(outcome);
    }
    outcomes
}

async fn kill_often(world: &mut World, kills: usize, form: Form, outcome: &mut Outcome) {
    world.start().await;
    let load = Load::start(world.addresses(), Size::default());
    let killed = async {
        let mut random = Random::of(outcome.tried as u64);
        for _ in 0..kills {
            outcome.recovered(load.more(1 + random.below(BETWEEN), form.recovery()).await?);
            world.kill();
            world.start().await;
            outcome.tried += 1;
        }
        load.more(1, form.recovery()).await.map(|time| outcome.recovered(time))
    };
    let killed = killed.await;
    end(world, load, killed, outcome).await;
}

/// Compares what was acknowledged with the database, and stops the server. If something went wrong
/// before, only that is reported.
pub async fn end(world: &mut World, load: Load, done: Result<(), String>, outcome: &mut Outcome) {
    outcome.count(&load.codes());
    if let Err(problem) = done {
        outcome.problems.push(problem);
        return;
    }
    let load = load.finish(world).await;
    outcome.take(check(world, &load).await);
    if !load.book.wrong.is_empty() {
        outcome.problems.extend(world.server().errors());
    }
    let status = world.stop().await;
    if !status.success() {
        outcome.problems.push(format!("the server ended with {status}"));
    }
}

/// The moment of a kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Under load.
    Load,
    /// While the server stops.
    Stop,
}

type Point = (&'static str, Calls, &'static str, Action, When);

pub const WAL: &str = "*/t.db-wal";
pub const DATABASE: &str = "*/t.db";
pub const AUDIT_WAL: &str = "*/t.db-audit-wal";
const AUDIT: &str = "*/t.db-audit";
const SEALS: &str = "*/seals";
const SOCKET: &str = "socket:*";
pub const POSTGRES_WAL: &str = "*/pg_wal/0*";

const OF_SQLITE: &[Point] = &[
    ("before a write of the log", Calls::Write, WAL, Action::Kill, When::Load),
    ("half-way in a write of the log", Calls::Write, WAL, Action::Tear, When::Load),
    ("before the log is synced", Calls::Sync, WAL, Action::Kill, When::Load),
    ("half-way in a write of the database", Calls::Write, DATABASE, Action::Tear, When::Load),
    ("before the database is synced", Calls::Sync, DATABASE, Action::Kill, When::Load),
    ("half-way in a write of the audit log", Calls::Write, AUDIT_WAL, Action::Tear, When::Load),
    ("before the audit log is synced", Calls::Sync, AUDIT_WAL, Action::Kill, When::Load),
    ("half-way in an answer", Calls::Send, SOCKET, Action::Tear, When::Load),
    ("half-way in a seal", Calls::Write, SEALS, Action::Tear, When::Stop),
    ("while the database is closed", Calls::Write, DATABASE, Action::Tear, When::Stop),
    ("while the audit log is closed", Calls::Write, AUDIT, Action::Tear, When::Stop),
];

const OF_POSTGRES: &[Point] = &[
    ("half-way in a message", Calls::Send, SOCKET, Action::Tear, When::Load),
    ("half-way in a seal", Calls::Write, SEALS, Action::Tear, When::Stop),
];

/// Kills the server at critical points: writes, syncs and sends.
pub async fn server_at_points(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (kind, points) in Kind::BOTH.into_iter().zip([OF_SQLITE, OF_POSTGRES]) {
        let mut outcome = Outcome::new("server killed at named points", kind.name());
        for round in 0..form.pick(1, 8) {
            let Some(mut world) = outcome.world(kind).await else { break };
            kill_in_first_start(&mut world, round, &mut outcome).await;
            let load = Load::start(world.addresses(), Size::default());
            let killed = kill_at_points(&mut world, &load, points, round, form, &mut outcome).await;
            end(&mut world, load, killed, &mut outcome).await;
        }
        outcomes.push(outcome);
    }
    outcomes
}

/// Kills it during its first migration.
async fn kill_in_first_start(world: &mut World, round: u64, outcome: &mut Outcome) {
    let mut random = Random::of(round);
    let (calls, file, after) = match world.kind {
        Kind::Sqlite => (Calls::Sync, "*/t.db*", random.below(10)),
        Kind::Postgres => (Calls::Send, SOCKET, random.below(100)),
    };
    world.shim.arm(&[Rule::once(calls, file, Action::Kill, after)]);
    if world.try_start().await.is_ok() {
        world.kill();
    }
    world.shim.disarm();
    outcome.tried += 1;
    world.start().await;
}

async fn kill_at_points(
    world: &mut World,
    load: &Load,
    points: &[Point],
    round: u64,
    form: Form,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut random = Random::of(round);
    for &(name, calls, file, action, when) in points {
        outcome.recovered(load.more(5, form.recovery()).await?);
        let after = if when == When::Load { random.below(20) } else { 0 };
        world.shim.arm(&[Rule::once(calls, file, action, after)]);
        if when == When::Stop {
            world.server().signal(Signal::TERM);
        }
        within(POINT, name, world.ended()).await;
        let met = world.shim.met();
        world.shim.disarm();
        if met != 1 {
            return Err(format!("{name}: it ended elsewhere"));
        }
        world.start().await;
        outcome.tried += 1;
    }
    load.more(1, form.recovery()).await.map(|time| outcome.recovered(time))
}

/// Kills PostgreSQL, all of it or only its postmaster, and one backend at points of its log. The
/// server is not restarted.
pub async fn postgres(form: Form) -> Vec<Outcome> {
    let kind = Kind::Postgres;
    let mut outcome = Outcome::new("PostgreSQL killed", kind.name());
    let mut left = form.pick(5, 60);
    while left > 0 {
        let Some(mut world) = outcome.world(kind).await else { break };
        world.start().await;
        let load = Load::start(world.addresses(), Size::default());
        let kills = left.min(CHECKED);
        let killed = kill_postgres(&mut world, &load, kills, form, &mut outcome).await;
        end(&mut world, load, killed, &mut outcome).await;
        left -= kills;
    }
    vec![outcome]
}

async fn kill_postgres(
    world: &mut World,
    load: &Load,
    kills: usize,
    form: Form,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let mut random = Random::of(kills as u64);
    for kill in 0..kills {
        outcome.recovered(load.more(1 + random.below(BETWEEN), form.recovery()).await?);
        match kill % 5 {
            0 => restart(world, Kill::All).await,
            1 => restart(world, Kill::Postmaster).await,
            2 => at_point(world, Calls::Write, Action::Tear, &mut random).await,
            3 => at_point(world, Calls::Sync, Action::Kill, &mut random).await,
            _ => {
                world.cluster().stop();
                world.cluster().start().await;
            }
        }
        outcome.tried += 1;
    }
    load.more(1, form.recovery()).await.map(|time| outcome.recovered(time))
}

async fn restart(world: &mut World, what: Kill) {
    world.cluster().kill(what).await;
    world.cluster().start().await;
}

/// Ends one backend while it writes the log: the postmaster ends the others, and replays the log.
async fn at_point(world: &mut World, calls: Calls, action: Action, random: &mut Random) {
    let cluster = world.cluster();
    cluster.shim.arm(&[Rule::once(calls, POSTGRES_WAL, action, random.below(20))]);
    let met = until(async || cluster.shim.met() == 1);
    within(POINT, "a backend comes to its log", met).await;
    cluster.shim.disarm();
    cluster.ready().await;
}
