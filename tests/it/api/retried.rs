//! A retry finds its first try, whatever has changed since: the clock, and the state that rules
//! check.

mod writes;

use std::collections::BTreeSet;

use serde_json::Value;
use throughline::{
    clock::{Clock, MovedClock},
    model::Micros,
    pb::{self, Work},
    server::Settings,
    store::Store,
};

use self::writes::{WRITES, World};
use crate::{
    calls::refusal_of,
    support::{NOW, RowCounter, Server, dynamic, on_both, settings},
};

/// How far the clock is moved, forward and back: beyond every time in a write.
const FAR: Micros = 400 * 24 * 3_600_000_000;

/// A clock for one run of a test. Ids differ between two runs on one machine.
fn clock(run: u32) -> &'static MovedClock {
    let clock: &'static MovedClock = Box::leak(Box::default());
    clock.begin(NOW, 42, run);
    clock
}

/// A server with this clock, and without background jobs.
async fn start(database: &crate::support::Database, clock: &'static MovedClock) -> Server {
    let settings = settings(Clock::Moved(clock));
    Server::start_with(database, Settings { promise_clock: false, ..settings }).await
}

/// Every call of the contract that changes something.
fn writes() -> BTreeSet<String> {
    let contract = dynamic::methods();
    let option = contract[0].parent_pool().get_extension_by_name("throughline.v1.access").unwrap();
    let work = |call: &prost_reflect::MethodDescriptor| {
        let options = call.options();
        let access = options.get_extension(&option);
        access.as_message().unwrap().transcode_to::<pb::Access>().unwrap().work()
    };
    let writes = contract
        .iter()
        .filter(|call| work(call) != Work::Read && !call.is_server_streaming())
        .map(|call| call.name().to_owned());
    writes.collect()
}

#[test]
fn every_write_of_the_contract_is_retried_here() {
    let here: BTreeSet<String> = WRITES.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(here, writes());
    assert_eq!(here.len(), WRITES.len());
}

#[tokio::test]
async fn a_retry_is_answered_alike_whatever_has_changed() {
    on_both(async |database| {
        let clock = clock(1);
        let server = start(database, clock).await;
        let store = Store::open(&database.url, 2, Clock::Moved(clock)).await.unwrap();
        let mut rows = RowCounter::of(database).await;
        let mut world = World::new(server.connect().await);
        for (name, same, refused) in WRITES {
            let message = world.before(name, &store).await;
            let first = world.made(name, &message).await;
            let part = |answer: &Value| answer.pointer(same).cloned();
            assert!(part(&first).is_some_and(|it| !it.is_null()), "{name}: {same} of {first}");
            assert_eq!(world.made(name, &message).await, first, "{name} at once");

            world.after(name, &message, &first).await;
            for moved in [FAR, -2 * FAR] {
                clock.forward(moved);
                let before = rows.count().await;
                let again = world.made(name, &message).await;
                assert_eq!(part(&again), part(&first), "{name}: {again}");
                assert_eq!(rows.count().await, before, "{name}");
            }
            // The control: the same rules for a first call.
            for moved in [0, 2 * FAR] {
                clock.forward(moved);
                let another = world.renamed(&message);
                let answer = world.make(name, &another).await;
                let answer = answer.map_err(|status| refusal_of(&status).reason);
                let wanted = refused[usize::from(moved > 0)];
                assert_eq!(answer.err().as_deref(), wanted, "{name}, as another call");
            }
            clock.forward(-FAR);
        }
        store.close().await;
        server.stop().await;
    })
    .await;
}
