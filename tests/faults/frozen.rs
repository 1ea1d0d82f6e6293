//! A database that does not answer: it is stopped, or the network drops everything.

use std::time::Duration;

use throughline::pb::{self, list_timeline_request};
use tonic::Code;

use crate::{
    Form, health,
    kill::end,
    load::{Load, Size},
    proxy::Proxy,
    raw::Raw,
    report::Outcome,
    wait::{until, within},
    world::{Kind, World},
};

/// How long it may take until calls are refused.
const POINT: Duration = Duration::from_secs(60);
const REFUSED: usize = 20;
/// How many operations are acknowledged afterwards; some answers may have been under way before.
const MORE: usize = 40;
/// Nothing is acknowledged for this long during the fault: the control.
const NOTHING: Duration = Duration::from_secs(1);
/// The deadline of the load's calls.
const DEADLINE: Duration = Duration::from_secs(2);
/// How far the server may exceed a deadline to say that it has passed.
const BEYOND: Duration = Duration::from_secs(1);
/// The deadline if the caller sets none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(4);
/// The cause that health reports: whichever limit is reached first.
const CAUSES: &[&str] = &[
    "database: no write and read within",
    "database: a statement got no answer",
    "database: error communicating with database",
];
const WINDOW: u32 = 1 << 16;
const NOBODY: &str = "018f0000-0000-7000-8000-000000000001";

/// A way of not answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// All processes of PostgreSQL are stopped.
    Stopped,
    /// Nothing passes, in either direction.
    Held,
    /// Existing connections drop everything, for ever.
    Swallowed,
    /// The former and then the latter, as when another host takes over.
    Vanished,
}

const ALL: [(&str, Silence); 4] = [
    ("PostgreSQL stopped for a while", Silence::Stopped),
    ("nothing passes for a while", Silence::Held),
    ("connections into a hole", Silence::Swallowed),
    ("the host vanishes for a while", Silence::Vanished),
];

pub async fn silent(form: Form) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for (name, silence) in ALL {
        let mut outcome = Outcome::new(name, Kind::Postgres.name());
        if let Some(mut world) = outcome.world(Kind::Postgres).await {
            let proxy = Proxy::new(world.cluster().port).await;
            world.go_through(proxy.port);
            world.argue(format!("--default-deadline-ms={}", DEFAULT_DEADLINE.as_millis()));
            world.start().await;
            let size = Size { deadline: DEADLINE, ..Default::default() };
            let load = Load::start(world.addresses(), size);
            let silent = fall_silent(&world, &load, &proxy, silence, form, &mut outcome).await;
            end(&mut world, load, silent, &mut outcome).await;
        }
        outcomes.push(outcome);
    }
    outcomes
}

async fn fall_silent(
    world: &World,
    load: &Load,
    proxy: &Proxy,
    silence: Silence,
    form: Form,
    outcome: &mut Outcome,
) -> Result<(), String> {
    let cluster = world.cluster.as_ref().expect("it is PostgreSQL");
    outcome.recovered(load.more(20, form.recovery()).await?);
    for _ in 0..form.pick(1, 5) {
        outcome.tried += 1;
        let before = load.refused();
        match silence {
            Silence::Stopped => cluster.freeze(true),
            Silence::Held => proxy.hold(true),
            Silence::Swallowed => proxy.swallow(),
            Silence::Vanished => {
                proxy.hold(true);
                proxy.swallow();
            }
        }
        if silence == Silence::Swallowed {
            let swallowed = until(async || proxy.swallowed() > 0);
            within(POINT, "something is sent into the hole", swallowed).await;
        } else {
            let refused = until(async || load.refused() >= before + REFUSED);
            within(POINT, "calls are refused", refused).await;
            if load.more(1, NOTHING).await.is_ok() {
                outcome.problems.push("acknowledged while it lasted".to_owned());
            }
            health::not_ready(world, CAUSES).await?;
            refusals(world, outcome).await;
        }
        match silence {
            Silence::Stopped => cluster.freeze(false),
            Silence::Held | Silence::Vanished => proxy.hold(false),
            Silence::Swallowed => {}
        }
        outcome.recovered(load.more(MORE, form.recovery()).await?);
        health::ready(world).await;
    }
    Ok(())
}

/// Checks that calls end in time and with the right code while the database is silent.
async fn refusals(world: &World, outcome: &mut Outcome) {
    let address = world.server().address;
    let mut raw = Raw::connect(address, WINDOW).await.expect("a connection");
    let invalid = pb::RecordEntryRequest::default();
    let nobody = list_timeline_request::Customer::CustomerId(NOBODY.to_owned());
    let read = pb::ListTimelineRequest { customer: Some(nobody), ..Default::default() };
    let deadline = Some("2S");
    for (name, given, bound) in [
        ("with a deadline", deadline, DEADLINE + BEYOND),
        ("without a deadline", None, DEFAULT_DEADLINE + BEYOND),
    ] {
        let refused = raw.call("TimelineService/RecordEntry", given, &invalid).await;
        let read = raw.call("TimelineService/ListTimeline", given, &read).await;
        for (what, ended) in [("a call that is refused", refused), ("a read", read)] {
            let is_right = matches!(
                ended.code,
                Some(Code::Unavailable | Code::DeadlineExceeded | Code::InvalidArgument)
            );
            if !is_right || ended.took > bound {
                outcome.problems.push(format!("{what} {name}: {ended}"));
            }
        }
    }
}
