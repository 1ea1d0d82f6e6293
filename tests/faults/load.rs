//! Writers that name each operation, send it again until it is answered, and remember what was
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

/// Next to no pause: an interval has one.
const AT_ONCE: Duration = Duration::from_nanos(1);
/// How the two are counted that have no answer because the client goes.
pub const TAKEN_BACK: &str = "taken back";
pub const LATE: &str = "not ended at its deadline";
/// How long what is under way may take at the end, when nothing is wrong any more.
const FINISH: Duration = Duration::from_secs(60);

/// How much goes on at the same time, and with whom.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub writers: usize,
    pub watchers: usize,
    pub customers: usize,
    /// Of each call.
    pub deadline: Duration,
    /// How often each operation is drawn: as often as it stands here.
    pub operations: &'static [Operation],
    /// In how many milliseconds promises are due.
    pub due: &'static [i64],
    /// Between two operations of one writer, at least.
    pub pace: Duration,
    /// Whether DATA_LOSS may be an answer, after which the operation is tried again.
    pub is_damaged: bool,
    /// Whether half of the calls are taken back while they are under way, and made again.
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

/// What a load has done so far.
#[derive(Debug, Default)]
pub struct Book {
    /// What was answered with OK, by the text that each operation leaves in the history.
    pub acknowledged: BTreeMap<String, Option<Place>>,
    /// What was refused for good, and how.
    pub refused: BTreeMap<String, String>,
    /// How often which answer came.
    pub codes: BTreeMap<String, usize>,
    /// Answers that nobody may ever get.
    pub wrong: Vec<String>,
    /// How many retries met what the first try had done.
    pub met: usize,
    /// The record of each customer, once it is known.
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

/// Where an entry was recorded, as the answer says.
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

/// A load that goes on.
pub struct Load {
    shared: Arc<Shared>,
    writers: JoinSet<()>,
    watchers: JoinSet<Option<Watched>>,
    /// Whether the watches end as soon as they have seen all.
    is_seen: watch::Sender<bool>,
}

/// A load that is over.
pub struct Finished {
    pub tag: String,
    pub book: Book,
    pub watched: Vec<Watched>,
}

impl Load {
    /// Begins a load whose names are its own.
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

    /// Waits until so many more were acknowledged, and tells how long the first of them took.
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

    /// How many calls have ended in one way or the other.
    pub fn answered(&self) -> usize {
        self.shared.book.lock().unwrap().codes.values().sum()
    }

    /// Entries that were refused for good, which are true and well-formed.
    pub fn refused_records(&self) -> Vec<String> {
        let book = self.shared.book.lock().unwrap();
        book.refused.values().filter(|how| how.starts_with("Record")).cloned().collect()
    }

    /// How many calls were not answered with OK.
    pub fn refused(&self) -> usize {
        let codes = &self.shared.book.lock().unwrap().codes;
        codes.iter().filter(|(code, _)| *code != "OK").map(|(_, count)| count).sum()
    }

    /// How often which answer has come.
    pub fn codes(&self) -> BTreeMap<String, usize> {
        self.shared.book.lock().unwrap().codes.clone()
    }

    /// Lets every operation come to its end, and the watches see it.
    pub async fn finish(mut self, world: &World) -> Finished {
        self.shared.is_over.send_replace(true);
        within(FINISH, "every operation is answered", async {
            while let Some(writer) = self.writers.join_next().await {
                writer.unwrap();
            }
        })
        .await;
        // What the clock does is history too, and the last that comes.
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

/// Watches one customer, once there is one.
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
