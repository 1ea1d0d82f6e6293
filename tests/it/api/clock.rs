//! A server whose clock is off refuses nobody permanently, and says so.

use prost_types::Timestamp;
use throughline::{
    clock::{Clock, MovedClock},
    model::Micros,
    pb,
    server::Settings,
    store::Store,
};
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::{
    calls::{Refusal, account, by, note, refusal, refusal_of, request_id},
    support::{Database, Log, Server, on_both, settings},
};

const MINUTE: Micros = 60_000_000;
const HOUR: Micros = 60 * MINUTE;

/// A clock that can be moved, set to the machine's current time.
fn clock() -> &'static MovedClock {
    let clock: &'static MovedClock = Box::leak(Box::default());
    clock.begin(Clock::System.now(), 42, 1);
    clock
}

struct World {
    clock: &'static MovedClock,
    store: Store,
    server: Server,
}

impl World {
    async fn begin(database: &Database, clock: &'static MovedClock) -> Self {
        let moved = Clock::Moved(clock);
        let store = Store::open(&database.url, 4, moved).await.unwrap();
        let settings = Settings { check_clock: true, promise_clock: false, ..settings(moved) };
        let server = Server::start_over(store.clone(), settings).await;
        Self { clock, store, server }
    }

    /// Moves the clock, which is compared before the next interval.
    async fn move_clock(&self, by: Micros) {
        self.clock.forward(by);
        self.store.check_clock().await.unwrap();
    }

    /// Records something that happens now, whatever the server's clock says.
    async fn record(&self) -> Result<pb::RecordEntryResponse, Refusal> {
        let entry = pb::Entry { occurred_at: Some(now()), ..note("x") };
        let answer =
            self.server.timeline.clone().record_entry(by(vec![account("anna")], entry)).await;
        answer.map(tonic::Response::into_inner).map_err(|status| {
            let retry = status.get_error_details().retry_info().is_some();
            assert_eq!(retry, status.code() == Code::Unavailable, "{status:?}");
            refusal_of(&status)
        })
    }
}

fn now() -> Timestamp {
    pb::timestamp(Clock::System.now())
}

fn skewed() -> Refusal {
    Refusal::new(Code::Unavailable, "CLOCK_SKEW", [])
}

#[tokio::test]
async fn by_a_clock_that_has_gone_back_nobody_is_refused_for_good() {
    on_both(async |database| {
        let (log, _guard) = Log::of_this_thread();
        let world = World::begin(database, clock()).await;
        world.record().await.unwrap();
        world.move_clock(0).await;
        log.take();

        world.move_clock(-2 * HOUR).await;
        for _ in 0..3 {
            assert_eq!(world.record().await.unwrap_err(), skewed());
        }
        let said = log.take();
        let off = "the clock of this machine is behind";
        assert_eq!(said.matches(off).count(), 1, "{said}");
        // A call that breaks another rule too is refused for that.
        let early = pb::Entry { occurred_at: Some(now()), channel: 99, ..note("x") };
        let refused = world.server.not_recorded(by(vec![account("anna")], early)).await;
        assert_eq!(refused.code, Code::InvalidArgument, "{refused:?}");

        world.move_clock(2 * HOUR).await;
        world.record().await.unwrap();
        assert!(log.take().contains("the clock of this machine is right again"));
        world.server.stop().await;
    })
    .await;
}

/// The control: a caller's clock may be wrong too.
#[tokio::test]
async fn by_a_clock_that_is_right_what_is_early_is_refused_for_good() {
    on_both(async |database| {
        let world = World::begin(database, clock()).await;
        world.record().await.unwrap();
        for seconds in [0, 240] {
            world.move_clock(-seconds * 1_000_000).await;
            let early = pb::timestamp(Clock::System.now() + 2 * HOUR);
            let entry = pb::Entry { occurred_at: Some(early), ..note("x") };
            let refused = world.server.not_recorded(by(vec![account("anna")], entry)).await;
            assert_eq!(refused, Refusal::invalid(["entry.occurred_at"]));
        }
        world.server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn times_that_have_not_come_are_told_at_the_start() {
    on_both(async |database| {
        let clock = clock();
        let world = World::begin(database, clock).await;
        world.record().await.unwrap();
        world.server.stop().await;

        clock.forward(-2 * HOUR);
        let (log, _guard) = Log::of_this_thread();
        let world = World::begin(database, clock).await;
        assert_eq!(world.record().await.unwrap_err(), skewed());
        assert!(log.take().contains("the newest time in the database is in the future"));
        world.server.stop().await;
    })
    .await;
}

/// PostgreSQL has its own clock, which shows the other direction too.
#[tokio::test]
async fn by_a_clock_that_is_ahead_a_time_that_has_not_come_is_not_refused_for_good() {
    let Some(database) = Database::postgres().await else { return };
    let world = World::begin(&database, clock()).await;
    let answer = world.record().await.unwrap();
    world.move_clock(2 * HOUR).await;
    let promise = pb::MakePromiseRequest {
        customer_id: answer.customer_id,
        what: "a call".to_owned(),
        due: Some(pb::make_promise_request::Due::DueAt(pb::timestamp(Clock::System.now() + HOUR))),
        channel: pb::Channel::Phone.into(),
        request_id: request_id(),
        ..pb::MakePromiseRequest::default()
    };
    let mut cases = world.server.cases.clone();
    assert_eq!(refusal(cases.make_promise(promise.clone()).await), skewed());
    world.move_clock(-2 * HOUR).await;
    cases.make_promise(promise).await.unwrap();
    world.server.stop().await;
}

/// Without evidence against the clock, the caller's times are refused.
#[tokio::test]
async fn that_calls_named_times_that_have_not_come_is_told_once() {
    on_both(async |database| {
        let (log, _guard) = Log::of_this_thread();
        let world = World::begin(database, clock()).await;
        let early = pb::timestamp(Clock::System.now() + 2 * HOUR);
        for _ in 0..3 {
            let early = pb::Entry { occurred_at: Some(early), ..note("x") };
            world.server.not_recorded(by(vec![account("anna")], early)).await;
        }
        world.store.log_early();
        world.store.log_early();
        let said = log.take();
        assert_eq!(said.matches("calls named times that are more than").count(), 1, "{said}");
        assert!(said.contains("times=3"), "{said}");
        world.server.stop().await;
    })
    .await;
}
