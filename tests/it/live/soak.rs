//! Watches that are repeatedly disconnected, on servers that restart, during writes: everything is
//! sent once, in the order of revisions.

use std::{
    env,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use futures_util::{FutureExt as _, future::join_all};
use prost_types::Timestamp;
use throughline::{
    clock::Clock,
    pb::{self, timeline_service_client::TimelineServiceClient, watch_timeline_response::Event},
};
use tokio::sync::watch;
use tonic::transport::Endpoint;

use super::{ids, resume, watch_all};
use crate::{
    calls::{account, note, to},
    random::Random,
    support::{Database, Server, Services, on_both, settings},
};

const WRITERS: usize = 8;
const SERVERS: usize = 2;
const FEW: usize = 4;

/// The size of a test. Everything runs concurrently.
#[derive(Clone, Copy, Debug)]
struct Size {
    customers: usize,
    cuts: usize,
    restarts: usize,
}

/// The addresses of the servers, and the progress.
struct World {
    size: Size,
    addresses: Mutex<Vec<SocketAddr>>,
    /// How often a connection was cut.
    cuts: watch::Sender<usize>,
    /// Whether the writers are to stop, and then the watches.
    is_written: watch::Sender<bool>,
    is_done: watch::Sender<bool>,
}

type Client = TimelineServiceClient<Services>;

impl World {
    /// A separate connection to one of the servers, once one answers.
    async fn connect(&self, random: &mut Random) -> Client {
        loop {
            let address = self.addresses.lock().unwrap()[random.below(SERVERS)];
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            match endpoint.tcp_nodelay(true).connect().await {
                Ok(channel) => return TimelineServiceClient::new(Services::new(channel)),
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Writes to random customers until it is told to stop; returns the number of entries.
    async fn write(&self, customers: &[String], mut random: Random) -> usize {
        let mut client = self.connect(&mut random).await;
        let mut written = 0;
        while !*self.is_written.borrow() {
            let long_ago = Some(Timestamp { seconds: 1_000_000_000, nanos: 0 });
            let entry = pb::Entry { occurred_at: long_ago, ..note("x") };
            // Half of them go to a few customers, to which several write at the same time.
            let few = &customers[..customers.len().min(FEW)];
            let among = if random.one_in(2) { few } else { customers };
            let customer = random.pick(among);
            let call = to(&customer, entry);
            // Retried with the same idempotency key until it is acknowledged.
            while client.record_entry(call.clone()).await.is_err() {
                client = self.connect(&mut random).await;
            }
            written += 1;
        }
        written
    }

    /// Watches a customer through disconnects until everything is done.
    async fn watch(&self, customer: &str, mut random: Random) -> Watched {
        let mut watched = Watched::default();
        loop {
            let is_last = *self.is_done.borrow();
            let client = self.connect(&mut random).await;
            let is_caught_up = self.watch_once(client, customer, &mut watched, &mut random).await;
            if is_last && is_caught_up {
                return watched;
            }
            watched.note_cut();
        }
    }

    /// Watches until the connection ends; returns whether it had caught up by then.
    async fn watch_once(
        &self,
        mut client: Client,
        customer: &str,
        watched: &mut Watched,
        random: &mut Random,
    ) -> bool {
        let call = match watched.token.as_str() {
            "" => watch_all(customer),
            token => resume(customer, token),
        };
        let mut is_done = self.is_done.subscribe();
        let Ok(answer) = client.watch_timeline(call).await else { return false };
        let mut stream = answer.into_inner();
        let (mut is_caught_up, mut before) = (false, watched.entries.len());
        loop {
            let is_new = watched.entries.len() > before;
            before = watched.entries.len();
            if is_new && !*is_done.borrow() && random.one_in(3) {
                self.cuts.send_modify(|cuts| *cuts += 1);
                // It is in the middle of what comes next, or in nothing.
                if let Some(Ok(Some(response))) = stream.message().now_or_never() {
                    watched.take(response);
                }
                return false;
            }
            let next = tokio::select! {
                next = stream.message() => next,
                _ = is_done.changed(), if !*is_done.borrow() => return false,
            };
            let Ok(Some(response)) = next else { return is_caught_up };
            if watched.take(response) {
                is_caught_up = true;
                if *is_done.borrow() {
                    return true;
                }
            }
        }
    }

    /// Restarts one server after the other, spread over the cuts.
    async fn restart(&self, database: &Database, mut servers: Vec<Server>) -> Vec<Server> {
        let mut cuts = self.cuts.subscribe();
        for restart in 1..=self.size.restarts {
            let due = self.size.cuts * restart / (self.size.restarts + 1);
            cuts.wait_for(|cuts| *cuts >= due).await.unwrap();
            let index = restart % SERVERS;
            servers.remove(index).stop().await;
            let server = Server::start_with(database, settings(Clock::System)).await;
            self.addresses.lock().unwrap()[index] = server.address;
            servers.insert(index, server);
        }
        cuts.wait_for(|cuts| *cuts >= self.size.cuts).await.unwrap();
        servers
    }
}

/// What was received of one customer.
#[derive(Debug, Default)]
struct Watched {
    token: String,
    entries: Vec<pb::Entry>,
    /// The largest id that had come when the connection was last cut.
    last_id: String,
    /// The number of entries that a watch resumed from the largest id would have missed.
    missed_by_id: usize,
}

impl Watched {
    /// Returns whether everything has been received.
    fn take(&mut self, response: pb::WatchTimelineResponse) -> bool {
        self.token = response.resume_token;
        match response.event.unwrap() {
            Event::Entry(entry) => {
                self.missed_by_id += usize::from(entry.id < self.last_id);
                self.entries.push(entry);
                false
            }
            Event::Heartbeat(_) => true,
            Event::Customer(_) => false,
        }
    }

    fn note_cut(&mut self) {
        let largest = self.entries.iter().map(|entry| &entry.id).max();
        self.last_id = largest.cloned().unwrap_or_default();
    }
}

async fn soak(database: &Database, size: Size) -> usize {
    let mut random = Random::new(11);
    let mut servers = Vec::new();
    for _ in 0..SERVERS {
        servers.push(Server::start_with(database, settings(Clock::System)).await);
    }
    let mut customers = Vec::new();
    for number in 0..size.customers {
        customers.push(servers[0].made(vec![account(format!("person-{number}"))]).await.id);
    }
    let addresses = Mutex::new(servers.iter().map(|server| server.address).collect());
    let world = Arc::new(World {
        size,
        addresses,
        cuts: watch::Sender::new(0),
        is_written: watch::Sender::new(false),
        is_done: watch::Sender::new(false),
    });

    let customers = Arc::new(customers);
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let (world, customers) = (Arc::clone(&world), Arc::clone(&customers));
        let random = Random::of(random.next());
        writers.push(tokio::spawn(async move { world.write(&customers, random).await }));
    }
    let mut watches = Vec::new();
    for customer in customers.iter() {
        let (world, customer) = (Arc::clone(&world), customer.clone());
        let random = Random::of(random.next());
        watches.push(tokio::spawn(async move { world.watch(&customer, random).await }));
    }
    let servers = world.restart(database, servers).await;
    world.is_written.send_replace(true);
    let written: usize = join_all(writers).await.into_iter().map(Result::unwrap).sum();
    world.is_done.send_replace(true);

    let (mut came, mut missed_by_id) = (0, 0);
    for (customer, watched) in customers.iter().zip(join_all(watches).await) {
        let watched = watched.unwrap();
        let mut wanted = servers[0].timeline_of(customer).await;
        wanted.sort_by_key(|entry| entry.revision);
        assert_eq!(ids(&watched.entries), ids(&wanted));
        came += wanted.len();
        missed_by_id += watched.missed_by_id;
    }
    assert_eq!(came, written);
    let cuts = *world.cuts.borrow();
    println!(
        "{}: {size:?}, {cuts} cuts, {came} entries, {missed_by_id} missed by id",
        database.name
    );
    for server in servers {
        server.stop().await;
    }
    missed_by_id
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cuts_and_restarts_leave_no_gap_and_no_double() {
    on_both(async |database| {
        soak(database, Size { customers: 6, cuts: 60, restarts: 3 }).await;
    })
    .await;
}

/// The long form: `cargo test --release --test it -- --ignored --nocapture live::soak`. A watch
/// that resumed from the largest id, not from the last revision, would have missed entries: ids are
/// generated before the order of the commits is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes"]
async fn a_thousand_cuts() {
    let number = |name: &str, usual: usize| {
        env::var(name).map_or(usual, |text| text.parse().expect("a whole number"))
    };
    let size = Size {
        customers: number("WATCH_CUSTOMERS", 200),
        cuts: number("WATCH_CUTS", 1000),
        restarts: number("WATCH_RESTARTS", 20),
    };
    on_both(async |database| {
        let missed_by_id = soak(database, size).await;
        assert!(missed_by_id > 0, "ids came in the order of the commits");
    })
    .await;
}
