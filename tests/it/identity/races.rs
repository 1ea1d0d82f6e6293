//! Many concurrent callers, over real gRPC: whatever the order, the final state is right. On
//! PostgreSQL there are two servers on one database, and a control without the row locks, which
//! must fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use throughline::{
    clock::Clock,
    pb::{
        self, customer_service_client::CustomerServiceClient,
        timeline_service_client::TimelineServiceClient,
    },
};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;

use super::{
    by_shop, link, merge,
    rows::Rows,
    standing::{self, counted},
    unlink, unmerge, verified,
    without_locks::WithoutLocks,
};
use crate::{
    calls::{by, email, list, note, to},
    random::Random,
    support::{Database, NOW, Server, Services, settings},
};

const WORKERS: usize = 12;
const CUSTOMERS: usize = 40;
/// Identifiers that move between customers.
const LOOSE: usize = 30;
/// How many calls each worker makes with `cargo test`.
const FEW: usize = 40;
/// The duration of the long form.
const LONG: Duration = Duration::from_secs(30);
/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often a call that finds the store busy is retried, with the same idempotency key.
const TRIES: usize = 20;

/// When a worker is done.
#[derive(Clone, Copy)]
enum Until {
    Calls(usize),
    Time(Instant),
}

/// An entry that was acknowledged, and the record it is in.
pub type Acknowledged = (String, String);

/// What the workers share.
struct Race {
    clients: Vec<(CustomerServiceClient<Services>, TimelineServiceClient<Services>)>,
    ids: Vec<String>,
    /// How often a call that finds the store busy is retried.
    tries: usize,
    merges: Mutex<Vec<String>>,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// The number of calls by result.
    outcomes: Mutex<BTreeMap<String, usize>>,
    /// Violated invariants.
    broken: Mutex<Vec<String>>,
}

fn hot(number: usize) -> pb::Identifier {
    email(format!("hot-{number}@example.net"))
}

fn loose(number: usize) -> pb::Identifier {
    email(format!("loose-{number}@example.net"))
}

impl Race {
    fn count(&self, outcome: String) {
        *self.outcomes.lock().unwrap().entry(outcome).or_default() += 1;
    }

    fn broken(&self, what: String) {
        self.broken.lock().unwrap().push(what);
    }

    /// The answer to a call, for which some errors are allowed; one that finds the store busy is
    /// retried with the same idempotency key.
    async fn answer<M: Clone, T, F>(
        &self,
        name: &str,
        may: &[Code],
        message: &M,
        call: impl Fn(Request<M>) -> F,
    ) -> Option<T>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        for _ in 0..self.tries {
            let mut request = by_shop(message.clone());
            request.set_timeout(DEADLINE);
            match call(request).await {
                Ok(answer) => {
                    self.count(format!("{name} OK"));
                    return Some(answer.into_inner());
                }
                Err(status) if status.code() == Code::Unavailable => {
                    self.count(format!("{name} UNAVAILABLE"));
                }
                Err(status) => {
                    let details = status.get_error_details();
                    let reason = details.error_info().map_or("", |info| &info.reason);
                    let outcome = format!("{name} {:?} {reason}", status.code());
                    if !may.contains(&status.code()) {
                        self.broken(outcome.clone());
                    }
                    self.count(outcome);
                    return None;
                }
            }
        }
        self.broken(format!("{name} stays unavailable"));
        None
    }

    async fn work(&self, seed: u64, until: Until) {
        let mut random = Random::of(seed);
        let mut calls = 0;
        loop {
            match until {
                Until::Calls(count) if calls >= count => break,
                Until::Time(end) if Instant::now() >= end => break,
                _ => calls += 1,
            }
            match random.below(100) {
                0..40 => self.record(&mut random).await,
                40..52 => self.link(&mut random).await,
                52..55 => self.unlink(&mut random).await,
                55..69 => self.merge(&mut random).await,
                69..80 => self.unmerge(&mut random).await,
                _ => self.read(&mut random).await,
            }
        }
    }

    async fn record(&self, random: &mut Random) {
        let (_, timeline) = random.pick(&self.clients);
        let call = match random.below(4) {
            0 => by(vec![hot(random.below(CUSTOMERS))], note("by the hot one")),
            1 => by(vec![loose(random.below(LOOSE)), hot(random.below(CUSTOMERS))], note("by two")),
            _ => to(&random.pick(&self.ids), note("by id")),
        };
        // By now, an identifier may belong to several people.
        let may = [Code::FailedPrecondition];
        let recorded = self
            .answer("record", &may, &call, |call| {
                let mut timeline = timeline.clone();
                async move { timeline.record_entry(call).await }
            })
            .await;
        let Some(recorded) = recorded else { return };
        let entry = (recorded.entry_id.clone(), recorded.record_id.clone());
        self.acknowledged.lock().unwrap().push(entry);
        if random.one_in(4) {
            let call = pb::GetEntryRequest {
                customer_id: recorded.record_id,
                entry_id: recorded.entry_id,
            };
            let (_, timeline) = random.pick(&self.clients);
            self.answer("read back", &[], &call, |call| {
                let mut timeline = timeline.clone();
                async move { timeline.get_entry(call).await }
            })
            .await;
        }
    }

    async fn link(&self, random: &mut Random) {
        let identifier = loose(random.below(LOOSE));
        let customer_id = random.pick(&self.ids);
        let call = match random.below(8) {
            0..3 => link(&customer_id, verified(identifier)),
            3..5 => pb::LinkIdentifierRequest {
                take_over: true,
                ..link(&customer_id, verified(identifier))
            },
            5 => pb::LinkIdentifierRequest { shared: true, ..link(&customer_id, identifier) },
            _ => link(&customer_id, identifier),
        };
        // Another customer has verified it, or it has too many claims.
        let may = [Code::AlreadyExists, Code::ResourceExhausted];
        let (customers, _) = random.pick(&self.clients);
        self.answer("link", &may, &call, |call| {
            let mut customers = customers.clone();
            async move { customers.link_identifier(call).await }
        })
        .await;
    }

    async fn unlink(&self, random: &mut Random) {
        let call = unlink(&random.pick(&self.ids), loose(random.below(LOOSE)));
        let (customers, _) = random.pick(&self.clients);
        self.answer("unlink", &[Code::NotFound], &call, |call| {
            let mut customers = customers.clone();
            async move { customers.unlink_identifier(call).await }
        })
        .await;
    }

    async fn merge(&self, random: &mut Random) {
        let call = merge(&random.pick(&self.ids), &random.pick(&self.ids));
        if call.customer_id == call.other_customer_id {
            return;
        }
        let (customers, _) = random.pick(&self.clients);
        let merged = self.answer("merge", &[Code::AlreadyExists], &call, |call| {
            let mut customers = customers.clone();
            async move { customers.merge_customers(call).await }
        });
        if let Some(merge) = merged.await.and_then(|merged| merged.merge) {
            self.merges.lock().unwrap().push(merge.id);
        }
    }

    async fn unmerge(&self, random: &mut Random) {
        let merge = {
            let merges = self.merges.lock().unwrap();
            if merges.is_empty() {
                return;
            }
            // One of the late ones, since others depend on the early ones.
            merges[merges.len() - 1 - random.below(merges.len().min(12))].clone()
        };
        let call = unmerge(&merge);
        let (customers, _) = random.pick(&self.clients);
        let unmerged = self.answer("unmerge", &[Code::FailedPrecondition], &call, |call| {
            let mut customers = customers.clone();
            async move { customers.unmerge_customers(call).await }
        });
        if unmerged.await.is_some() {
            self.merges.lock().unwrap().retain(|other| *other != merge);
        }
    }

    async fn read(&self, random: &mut Random) {
        let id = random.pick(&self.ids);
        let (customers, timeline) = random.pick(&self.clients);
        if random.one_in(2) {
            let customer = pb::get_customer_request::Customer::CustomerId(id.clone());
            let call = pb::GetCustomerRequest { customer: Some(customer) };
            let found = self.answer("get", &[], &call, |call| {
                let mut customers = customers.clone();
                async move { customers.get_customer(call).await }
            });
            let customer = found.await.and_then(|found| found.customer);
            if customer.is_some_and(|customer| !customer.record_ids.contains(&id)) {
                self.broken("a customer without the record it was asked for".to_owned());
            }
            return;
        }
        let mut call = pb::ListTimelineRequest { page_size: 30, ..list(&id) };
        let mut seen = BTreeSet::new();
        for _ in 0..3 {
            let page = self.answer("list", &[], &call, |call| {
                let mut timeline = timeline.clone();
                async move { timeline.list_timeline(call).await }
            });
            let Some(page) = page.await else { return };
            if !page.entries.into_iter().all(|entry| seen.insert(entry.id)) {
                self.broken("an entry twice in a timeline".to_owned());
            }
            if page.next_page_token.is_empty() {
                break;
            }
            call.page_token = page.next_page_token;
        }
    }
}

/// Violated invariants: calls that went wrong, and the final state.
#[derive(Debug, Default)]
struct Broken {
    calls: Vec<String>,
    standing: Vec<String>,
}

impl Broken {
    #[track_caller]
    fn assert_none(&self) {
        let (calls, standing) = (counted(&self.calls), counted(&self.standing));
        assert!(calls.is_empty() && standing.is_empty(), "{calls:#?} {standing:#?}");
    }
}

/// Races over the servers of these URLs, which share a database.
async fn race(urls: &[&str], database: &Database, tries: usize, until: fn() -> Until) -> Broken {
    let mut servers = Vec::new();
    for url in urls {
        servers.push(Server::start_at(url, settings(Clock::Fixed(NOW))).await);
    }
    let mut ids = Vec::new();
    for number in 0..CUSTOMERS {
        ids.push(servers[0].made(vec![hot(number)]).await.id);
    }
    let race = Arc::new(Race {
        clients: servers.iter().map(|it| (it.customers.clone(), it.timeline.clone())).collect(),
        ids,
        tries,
        merges: Mutex::default(),
        acknowledged: Mutex::default(),
        outcomes: Mutex::default(),
        broken: Mutex::default(),
    });
    let until = until();
    let mut workers = Vec::new();
    for seed in 0..WORKERS {
        let race = Arc::clone(&race);
        workers.push(tokio::spawn(async move { race.work(seed as u64, until).await }));
    }
    for worker in workers {
        worker.await.unwrap();
    }

    let race = Arc::into_inner(race).expect("all have ended");
    println!("{:#?}", race.outcomes.into_inner().unwrap());
    let calls = race.broken.into_inner().unwrap();
    let acknowledged = race.acknowledged.into_inner().unwrap();
    let mut rows = Rows::of(&database.url).await;
    let mut standing = standing::check(&mut rows, &servers, &acknowledged).await;
    if standing.is_empty() {
        standing = standing::take_apart(&mut rows, &servers[0]).await;
    }
    for server in servers {
        server.stop().await;
    }
    Broken { calls, standing }
}

fn few() -> Until {
    Until::Calls(FEW)
}

fn long() -> Until {
    Until::Time(Instant::now() + LONG)
}

async fn on_sqlite(until: fn() -> Until) {
    let database = Database::sqlite();
    race(&[&database.url], &database, TRIES, until).await.assert_none();
}

async fn on_postgres(until: fn() -> Until) {
    let Some(database) = Database::postgres().await else { return };
    race(&[&database.url, &database.url], &database, TRIES, until).await.assert_none();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_after_races_is_right_on_sqlite() {
    on_sqlite(few).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_after_races_is_right_on_postgres() {
    on_postgres(few).await;
}

/// The long form, half a minute on each database: `cargo test --release --test it -- --ignored
/// --nocapture identity::races`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute"]
async fn long_races_on_sqlite() {
    on_sqlite(long).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes half a minute"]
async fn long_races_on_postgres() {
    on_postgres(long).await;
}

/// The control: without row locks the same races violate an invariant. A corrupt customer cannot be
/// read, so that no call is repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_locks_the_races_break_what_stands() {
    let Some(database) = Database::postgres().await else { return };
    let without = WithoutLocks::of(&database);
    let broken = race(&[&without.url, &without.url], &database, 1, few).await;
    assert!(without.taken() > 0, "no statement had a lock");
    println!("{:#?} {:#?}", counted(&broken.calls), counted(&broken.standing));
    assert!(!broken.standing.is_empty(), "the locks are of no use");
}
