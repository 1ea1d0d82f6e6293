//! A primary that is lost, and a standby that replaces it.

use std::time::Duration;

use rustix::process::Signal;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::{
    Form,
    check::check,
    cluster::{Cluster, Kill, signal},
    kill::end,
    load::{Load, Size},
    report::Outcome,
    wait::{until, within},
    world::{Kind, World},
};

/// How long it may take until writes are acknowledged again.
const FAILOVER: Duration = Duration::from_secs(10);
/// How long a standby may take to follow, or a load to progress.
const BOUND: Duration = Duration::from_secs(60);
/// How many operations are acknowledged before the primary is lost.
const BEFORE: usize = 60;

const SYNCHRONOUS: &str = "alter system set synchronous_standby_names = 'standby'";
const RELOAD: &str = "select pg_reload_conf()";
const PROMOTE: &str = "select pg_promote()";
/// The process that receives the log of a primary.
const RECEIVER: &str = "select pid from pg_stat_wal_receiver where status = 'streaming'";
const FOLLOWERS: &str = "select pid from pg_stat_replication where state = 'streaming'";
const SYNCHRONOUS_FOLLOWERS: &str = "select pid from pg_stat_replication where sync_state = 'sync'";

/// Loses the primary repeatedly: each promoted standby gets a standby of its own.
pub async fn promoted(form: Form) -> Vec<Outcome> {
    let mut outcome = Outcome::new("primary lost, standby promoted", Kind::Postgres.name());
    if let Some(mut world) = outcome.world(Kind::Postgres).await {
        let mut standby = follow(&world, None, 0).await;
        be_synchronous(world.cluster()).await;
        world.go_to_either(standby.port);
        world.start().await;
        let load = Load::start(world.addresses(), Size::default());
        let done = fail_over(&mut world, &mut standby, &load, form, &mut outcome).await;
        end(&mut world, load, done, &mut outcome).await;
    }
    vec![outcome]
}

async fn fail_over(
    world: &mut World,
    standby: &mut Cluster,
    load: &Load,
    form: Form,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let rounds = form.pick(1, 10);
    for round in 1..=rounds {
        load.more(BEFORE, BOUND).await?;
        world.cluster().kill(Kill::All).await;
        promote(world, standby).await;
        outcome.tried += 1;
        outcome.recovered(load.more(1, FAILOVER).await?);
        if round < rounds {
            // The lost primary returns as a standby, on its old port.
            *standby = follow(world, Some(standby.port), round).await;
            be_synchronous(world.cluster()).await;
        }
    }
    Ok(())
}

/// The control: a standby that lags behind loses acknowledged writes, and this is found.
pub async fn behind(_: Form) -> Vec<Outcome> {
    let mut outcome = Outcome::new("control: standby that is behind", Kind::Postgres.name());
    let Some(mut world) = outcome.world(Kind::Postgres).await else { return vec![outcome] };
    let mut standby = follow(&world, None, 0).await;
    world.go_to_either(standby.port);
    world.start().await;
    let load = Load::start(world.addresses(), Size::default());
    load.more(BEFORE, BOUND).await.unwrap();
    let receiver = wait_for(&standby, RECEIVER).await;
    signal(receiver, Signal::STOP);
    load.more(BEFORE, BOUND).await.unwrap();
    // Nobody writes when the primary is lost: nothing is sent again.
    let load = load.finish(&world).await;
    world.cluster().kill(Kill::All).await;
    signal(receiver, Signal::KILL);
    standby.ready().await;
    promote(&mut world, &mut standby).await;
    outcome.tried = 1;
    world.kill();
    world.start().await;
    outcome.take(check(&world, &load).await);
    vec![outcome.must_fail(|it| it.lost > 0)]
}

/// A standby of a world's primary, on its own port or on one that is free again.
async fn follow(world: &World, port: Option<u16>, round: usize) -> Cluster {
    let primary = world.cluster.as_ref().expect("it is PostgreSQL");
    let name = format!("standby-{round}");
    let standby = Cluster::new(&world.folder, &world.folder, &name);
    let mut standby = standby.expect("PostgreSQL is here");
    standby.port = port.unwrap_or(standby.port);
    standby.follow(primary);
    standby.start().await;
    wait_for(primary, FOLLOWERS).await;
    standby
}

/// From now on, nothing is acknowledged that the standby does not have.
async fn be_synchronous(primary: &Cluster) {
    execute(primary, SYNCHRONOUS).await;
    execute(primary, RELOAD).await;
    wait_for(primary, SYNCHRONOUS_FOLLOWERS).await;
}

/// Promotes the standby to the primary of the world; the old primary takes the place of the
/// standby.
async fn promote(world: &mut World, standby: &mut Cluster) {
    std::mem::swap(world.cluster(), standby);
    world.url = world.cluster().url();
    execute(world.cluster(), PROMOTE).await;
}

async fn execute(cluster: &Cluster, sql: &'static str) {
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    connection.execute(sql).await.unwrap();
}

/// Waits until a statement returns a process id.
async fn wait_for(cluster: &Cluster, sql: &'static str) -> u32 {
    let mut connection = PgConnection::connect(&cluster.url()).await.unwrap();
    let mut process = None;
    let found = until(async || {
        process = sqlx::query_scalar::<_, i32>(sql).fetch_optional(&mut connection).await.unwrap();
        process.is_some()
    });
    within(BOUND, sql, found).await;
    process.and_then(|process| process.try_into().ok()).expect("the id of a process")
}
