//! Writers that name each operation, retry it until it is answered, and remember what was
//! acknowledged.

mod operation;
mod writer;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use throughline::clock::Clock;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, timeout},
};
use uuid::Uuid;

pub use operation::{LATER, Operation};
use writer::Writer;

use crate::{
    client::{Addresses, Client},
    random::Random,
    stored::Connection,
    wait::{until, within},
    watch::{Watched, watch as watch_record},
    world::World,
};

/// Nearly no pause: an interval must have one.
const AT_ONCE: Duration = Duration::from_nanos(1);
/// The name under which calls without an answer because of cancellation are counted.
pub const TAKEN_BACK: &str = "taken back";
pub const LATE: &str = "not ended at its deadline";
/// How long calls under way may take at the end, when the fault is over.
const FINISH: Duration = Duration::from_secs(60);

/// The size of a load.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub writers: usize,
    pub watchers: usize,
    pub customers: usize,
    /// Of each call.
    pub deadline: Duration,
    /// The operations to draw from; one that is listed twice is drawn twice as often.
    pub operations: &'static [Operation],
    /// The delays until promises are due, in milliseconds.
    pub due: &'static [i64],
    /// The minimum interval between two operations of a writer.
    pub pace: Duration,
    /// Whether DATA_LOSS is an allowed answer, after which the operation is retried.
    pub is_damaged: bool,
    /// Whether half of the calls are cancelled while under way, and retried.
    pub takes_back: bool,
}

impl Default for Size {
    fn default() -> Self {
        let (writers, watchers, customers) = (8, 3, 40);
        let deadline = Duration::from_secs(5);
        let (operations, pace) = (operation::USUAL, AT_ONCE);
        let due = operation::SOON_AND_LATER;
        let (is_damaged, takes_back) = (false, false);
        Self {
            writers,
            watchers,
            customers,
            deadline,
            operations,
            due,
            pace,
            is_damaged,
            takes_back,
        }
    }
}

/// The progress of a load.
#[derive(Debug, Default)]
pub struct Book {
    /// Operations that were acknowledged, by the text that each leaves in the history.
    pub acknowledged: BTreeMap<String, Option<Place>>,
    /// Operations that were refused permanently, and how.
    pub refused: BTreeMap<String, String>,
    /// The number of answers of each kind.
    pub codes: BTreeMap<String, usize>,
    /// Answers that are never allowed.
    pub wrong: Vec<String>,
    /// The number of retries that found the effect of the first try.
    pub met: usize,
    /// The record of each customer, once known.
    customers: Vec<Option<String>>,
    cases: Vec<String>,
    promises: Vec<String>,
}

impl Book {
    fn acknowledge(&mut self, mark: String, place: Option<Place>) {
        self.acknowledged.insert(mark, place);
    }

    fn take_promise(&mut self, number: usize) -> Option<String> {
        (number < self.promises.len()).then(|| self.promises.swap_remove(number))
    }
}

/// Where an entry was recorded, according to the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub record: Uuid,
    pub entry: Uuid,
    pub revision: i64,
}

/// What the writers share.
struct Shared {
    tag: String,
    size: Size,
    addresses: Addresses,
    book: Mutex<Book>,
    acknowledged: watch::Sender<usize>,
    is_over: watch::Sender<bool>,
}

/// A running load.
pub struct Load {
    shared: Arc<Shared>,
    writers: JoinSet<()>,
    watchers: JoinSet<Option<Watched>>,
    /// Whether the watches end as soon as they have seen everything.
    is_seen: watch::Sender<bool>,
}

/// A finished load.
pub struct Finished {
    pub tag: String,
    pub book: Book,
    pub watched: Vec<Watched>,
}

impl Load {
    /// Starts a load with unique names.
    pub fn start(addresses: &Addresses, size: Size) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let book = Book { customers: vec![None; size.customers], ..Default::default() };
        let shared = Arc::new(Shared {
            tag: format!("load{number}"),
            size,
            addresses: addresses.clone(),
            book: Mutex::new(book),
            acknowledged: watch::Sender::new(0),
            is_over: watch::Sender::new(false),
        });
        let mut writers = JoinSet::new();
        for number in 0..size.writers {
            writers.spawn(write(Arc::clone(&shared), number));
        }
        let is_seen = watch::Sender::new(false);
        let mut watchers = JoinSet::new();
        for customer in 0..size.watchers {
            watchers.spawn(see(Arc::clone(&shared), customer, is_seen.subscribe()));
        }
        Self { shared, writers, watchers, is_seen }
    }

    /// Waits until this many more operations were acknowledged, and returns how long the first
    /// took.
    pub async fn more(&self, count: usize, bound: Duration) -> Result<Duration, String> {
        let begun = Instant::now();
        let mut acknowledged = self.shared.acknowledged.subscribe();
        let before = *acknowledged.borrow_and_update();
        let mut reached = async |count| {
            let left = bound.saturating_sub(begun.elapsed());
            let wait = acknowledged.wait_for(|now| *now >= before + count);
            timeout(left, wait).await.is_ok()
        };
        let first = reached(1).await.then(|| begun.elapsed());
        match (first, reached(count).await) {
            (Some(first), true) => Ok(first),
            _ => Err(format!("not {count} more acknowledged within {bound:?}")),
        }
    }

    /// The number of calls that have ended.
    pub fn answered(&self) -> usize {
        self.shared.book.lock().unwrap().codes.values().sum()
    }

    /// Valid entries that were permanently refused.
    pub fn refused_records(&self) -> Vec<String> {
        let book = self.shared.book.lock().unwrap();
        book.refused.values().filter(|how| how.starts_with("Record")).cloned().collect()
    }

    /// The number of calls that were not answered with OK.
    pub fn refused(&self) -> usize {
        let codes = &self.shared.book.lock().unwrap().codes;
        codes.iter().filter(|(code, _)| *code != "OK").map(|(_, count)| count).sum()
    }

    /// The number of answers of each kind.
    pub fn codes(&self) -> BTreeMap<String, usize> {
        self.shared.book.lock().unwrap().codes.clone()
    }

    /// Lets every operation complete, and the watches see it.
    pub async fn finish(mut self, world: &World) -> Finished {
        self.shared.is_over.send_replace(true);
        within(FINISH, "every operation is answered", async {
            while let Some(writer) = self.writers.join_next().await {
                writer.unwrap();
            }
        })
        .await;
        // Broken promises are history too, and the last that arrives.
        let soon = Clock::System.now() + operation::SOON * 1_000_000;
        let mut database = Connection::open(world).await;
        let settled = until(async || database.due(soon).await == 0);
        within(FINISH, "every promise that is due is broken", settled).await;
        self.is_seen.send_replace(true);
        let watched = within(FINISH, "every watch has seen all", self.watchers.join_all()).await;
        let book = std::mem::take(&mut *self.shared.book.lock().unwrap());
        let watched = watched.into_iter().flatten().collect();
        Finished { tag: self.shared.tag.clone(), book, watched }
    }
}

/// One writer: one operation after the other, each until it is answered.
async fn write(shared: Arc<Shared>, number: usize) {
    let mut writer = Writer {
        client: Client::new(&shared.addresses),
        random: Random::of(number as u64),
        operation: Operation::Record,
        mark: String::new(),
        shared,
    };
    let mut done = 0;
    let mut pace = interval(writer.shared.size.pace);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !*writer.shared.is_over.borrow() {
        pace.tick().await;
        done += 1;
        writer.mark = format!("{}-{number}-{done}", writer.shared.tag);
        writer.operation = writer.random.pick(writer.shared.size.operations);
        writer.operation.run(&mut writer).await;
    }
}

/// Watches one customer, once it exists.
async fn see(
    shared: Arc<Shared>,
    customer: usize,
    is_seen: watch::Receiver<bool>,
) -> Option<Watched> {
    let mut acknowledged = shared.acknowledged.subscribe();
    let mut is_over = shared.is_over.subscribe();
    let record = loop {
        if let Some(record) = shared.book.lock().unwrap().customers[customer].clone() {
            break record;
        }
        tokio::select! {
            _ = acknowledged.changed() => {}
            _ = is_over.wait_for(|over| *over) => return None,
        }
    };
    Some(watch_record(Client::new(&shared.addresses), record, is_seen).await)
}
