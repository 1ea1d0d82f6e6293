//! Idle connections.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rustix::process::{Resource, getrlimit, setrlimit};
use throughline::pb::{self, list_cases_request::Of};
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{MissedTickBehavior, interval, timeout},
};
use tonic::Code;

use crate::{
    Form,
    raw::{Ended, Raw},
    report::Outcome,
    secure::{self, Key},
    wait::{until, within},
    world::{Kind, World},
};

/// More than the server used to accept in total.
const MANY: usize = 1100;
/// How long a newcomer may take to connect and get an answer.
const WELCOME: Duration = Duration::from_secs(4);
/// The earliest reconnect of an idle client whose connection was closed.
const AGAIN: Duration = Duration::from_secs(5);
/// How long it may take until all idle clients have tried to connect.
const ALL: Duration = Duration::from_secs(60);
/// The number of newcomers, one after the other.
const NEW: usize = 10;
const WINDOW: u32 = 1 << 16;
/// The limit of a small server.
const PLACES: usize = 4;
const PATH: &str = "CaseService/ListCases";

/// How connections are idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// They complete the preface and answer PINGs, without TLS.
    Plain,
    /// No byte of a handshake arrives.
    HalfOpen,
    /// The handshake is complete, and nothing follows.
    Silent,
    /// They complete the preface, without a token.
    Greeted,
}

pub async fn flood(form: Form) -> Vec<Outcome> {
    more_files();
    let mut outcomes = Vec::new();
    for (name, idle, count) in [
        ("connections that idle", Idle::Plain, MANY),
        ("TLS that is never begun", Idle::HalfOpen, form.pick(400, 4000)),
        ("TLS and nothing behind it", Idle::Silent, MANY),
        ("TLS, greeted, without a token", Idle::Greeted, MANY),
    ] {
        let mut outcome = Outcome::new(name, Kind::Sqlite.name());
        outcome.tried = count;
        let (world, key) = match idle {
            Idle::Plain => {
                let mut world = World::new(Kind::Sqlite).await.expect("SQLite is always here");
                world.start().await;
                (world, None)
            }
            _ => {
                let (world, key) = secure::world(Kind::Sqlite).await.expect("SQLite is here");
                (world, Some(key))
            }
        };
        flooded(&world, key.as_ref(), idle, count, &mut outcome).await;
        outcomes.push(outcome);
    }
    outcomes
}

/// The control: if authenticated callers hold every connection, a newcomer is not served, and this
/// is found.
pub async fn full_house(_: Form) -> Vec<Outcome> {
    let mut outcome = Outcome::new("control: no place is left", Kind::Sqlite.name());
    let Some(mut world) = outcome.world(Kind::Sqlite).await else { return vec![outcome] };
    world.argue(format!("--max-connections={PLACES}"));
    world.start().await;
    let address = world.server().address;
    let mut known = Vec::new();
    for _ in 0..PLACES {
        let mut raw = Raw::connect(address, WINDOW).await.expect("a connection");
        raw.call(PATH, Some("4S"), &call()).await;
        known.push(raw);
    }
    outcome.tried = PLACES;
    are_welcome(address, None, &mut outcome).await;
    vec![outcome.must_fail(|it| !it.problems.is_empty())]
}

async fn flooded(
    world: &World,
    key: Option<&Key>,
    idle: Idle,
    count: usize,
    outcome: &mut Outcome,
) {
    let address = world.server().address;
    let rest = world.server().memory();
    let mut idlers = JoinSet::new();
    let there = Arc::new(AtomicUsize::new(0));
    for _ in 0..count {
        let (key, there) = (key.cloned(), Arc::clone(&there));
        idlers.spawn(async move { be_idle(address, key, idle, &there).await });
    }
    let all = until(async || there.load(Ordering::Relaxed) >= count);
    within(ALL, "all idlers have come", all).await;
    let slowest = are_welcome(address, key, outcome).await;
    outcome.note = format!(
        "somebody new: at most {:.0} ms; memory {} + {} MiB",
        slowest.as_secs_f64() * 1e3,
        rest >> 10,
        world.server().memory().saturating_sub(rest) >> 10
    );
    idlers.shutdown().await;
}

/// Newcomers connect one after the other: returns the slowest time.
async fn are_welcome(address: SocketAddr, key: Option<&Key>, outcome: &mut Outcome) -> Duration {
    let (mut slowest, mut failed) = (Duration::ZERO, Vec::new());
    for _ in 0..NEW {
        match welcome(address, key).await {
            Ok(ended) => slowest = slowest.max(ended.took),
            Err(how) => failed.push(how),
        }
    }
    if let Some(first) = failed.first() {
        outcome.problems.push(format!("{} of {NEW} not welcome: {first}", failed.len()));
    }
    slowest
}

/// Connects and does nothing, and reconnects when closed. Each client that has tried is counted
/// once.
async fn be_idle(address: SocketAddr, key: Option<Key>, idle: Idle, there: &AtomicUsize) {
    let mut pace = interval(AGAIN);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = Some(());
    let mut tried = || {
        if first.take().is_some() {
            there.fetch_add(1, Ordering::Relaxed);
        }
    };
    loop {
        pace.tick().await;
        match (idle, &key) {
            (Idle::Plain, _) => {
                let raw = Raw::connect(address, WINDOW).await;
                tried();
                if let Ok(raw) = raw {
                    raw.closed().await;
                }
            }
            (Idle::HalfOpen, _) => {
                let socket = TcpStream::connect(address).await;
                tried();
                if let Ok(socket) = socket {
                    closed(&socket).await;
                }
            }
            (Idle::Silent, Some(key)) => {
                let stream = key.connect(address).await;
                tried();
                if let Ok(stream) = stream {
                    closed(stream.get_ref().0).await;
                }
            }
            (Idle::Greeted, Some(key)) => {
                let stream = key.connect(address).await;
                tried();
                if let Ok(stream) = stream
                    && let Ok(raw) = Raw::over(stream, WINDOW).await
                {
                    raw.closed().await;
                }
            }
            (Idle::Silent | Idle::Greeted, None) => return,
        }
    }
}

/// Waits until the other side closes the connection, or sends anything.
async fn closed(socket: &TcpStream) {
    let mut bytes = [0; 1];
    loop {
        if socket.readable().await.is_err() {
            return;
        }
        match socket.try_read(&mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// A cheap call.
fn call() -> pb::ListCasesRequest {
    let of = Some(Of::Queue("nobody's".to_owned()));
    pb::ListCasesRequest { of, ..Default::default() }
}

/// A newcomer connects, with a token if one is required, and makes one call.
async fn welcome(address: SocketAddr, key: Option<&Key>) -> Result<Ended, String> {
    let come = async {
        let mut raw = match key {
            None => Raw::connect(address, WINDOW).await?,
            Some(key) => {
                let raw = Raw::over(key.connect(address).await?, WINDOW).await?;
                raw.show(&key.authorization)
            }
        };
        let ended = raw.call(PATH, Some("4S"), &call()).await;
        match ended.code {
            Some(Code::Ok) => Ok(ended),
            _ => Err(ended.to_string()),
        }
    };
    match timeout(WELCOME, come).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer within {WELCOME:?}")),
    }
}

/// Raises the limit of open files, for this process and the servers that it starts.
pub fn more_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}
