//! The log of this process: what waits at the same time is kept in one transaction, and each call
//! has its answer after the commit.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{self, JoinHandle},
    time::timeout,
};

use super::{Line, seal};
use crate::{
    clock::Clock,
    error::Error,
    metrics::{Metrics, Queue},
    model::{Access, Micros},
    store::{
        Store,
        attempt::{attempt, lost},
        bulk::{Batch, Column, Table},
        db::Db,
    },
    story::audit,
};

static AUDIT_LOG: Table = Table { name: "audit_log", columns: &["log", "number", "at", "access"] };

/// How many accesses may wait; one more is refused as overload.
const QUEUE: usize = 8192;
/// How many of them may be of callers that are not known: however many calls strangers make, those
/// of known callers are kept.
const STRANGERS: usize = QUEUE / 8;

/// How many accesses one transaction keeps.
const BATCH: usize = 1024;
/// How often the writer lets others run first, as long as each time there are more: a transaction
/// costs as much as many rows do. It makes nobody wait where there is nothing else to run.
const ROUNDS: usize = 2;

/// After an hour without a seal, since there was no call or the process was held up, the next call
/// begins another log: what rests may have been closed.
pub(super) const RESTED: Micros = 3_600_000_000;
/// How long the end waits for what is to be kept.
const STOPPING: Duration = Duration::from_secs(5);

/// So many accesses are sealed before their minute is over: a look at one that is not sealed is
/// found by reading all of these.
const DUE: i64 = 65_536;

struct Waiting {
    access: Access,
    /// The place of a stranger, until it is answered.
    stranger: Option<OwnedSemaphorePermit>,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// How far the log of this process has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub log: i64,
    /// How many rows it has.
    pub count: i64,
    /// Of all of them.
    pub hash: [u8; 32],
    /// How many of them are sealed.
    pub sealed: i64,
    /// When they were.
    pub sealed_at: Micros,
}

/// The way into the log.
#[derive(Debug)]
pub struct Auditor {
    queue: mpsc::Sender<Waiting>,
    strangers: Arc<Semaphore>,
    /// Nothing until there is a first row, and after a transaction of which nobody knows whether it
    /// was kept: the next row begins another log, and whoever seals looks how far this one came.
    pub(super) head: Arc<Mutex<Option<Head>>>,
    /// Much is to be sealed.
    pub(super) due: Arc<Notify>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Nothing more comes.
    stop: Arc<Notify>,
}

impl Auditor {
    pub fn start(db: &Db, clock: Clock, metrics: &Arc<Metrics>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let (head, due, stop) = (Arc::default(), Arc::default(), Arc::default());
        let log = Log {
            db: db.clone(),
            clock,
            head: Arc::clone(&head),
            due: Arc::clone(&due),
            metrics: Arc::clone(metrics),
        };
        let writer = Mutex::new(Some(tokio::spawn(log.work(waiting, Arc::clone(&stop)))));
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        Self { queue, strangers, head, due, writer, stop }
    }

    /// How many accesses wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How many accesses have no seal yet.
    pub async fn unsealed(&self) -> i64 {
        // Whoever writes holds it for as long as a commit takes.
        self.head.lock().await.map_or(0, |head| head.count - head.sealed)
    }

    /// Stops the writer once it has kept what waits. Where the database does not answer, what it is
    /// in the middle of goes on in a task.
    pub async fn close(&self) {
        if let Some(mut writer) = self.writer.lock().await.take() {
            self.stop.notify_one();
            if timeout(STOPPING, &mut writer).await.is_err() {
                writer.abort();
                // It answers that it was cancelled.
                let _ = writer.await;
            }
        }
    }
}

impl Store {
    /// Keeps an access: it is on disk once this has returned.
    pub async fn keep_access(&self, access: Access) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let is_stranger = access.caller.is_empty();
        let place = || Arc::clone(&self.auditor.strangers).try_acquire_owned();
        let stranger = is_stranger.then(place).transpose().map_err(|_| Error::Overloaded)?;
        let waiting = Waiting { access, stranger, answer };
        self.auditor.queue.try_send(waiting).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answered.await.map_err(|_| closed())?
    }
}

fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}

/// What the writer needs.
struct Log {
    db: Db,
    clock: Clock,
    head: Arc<Mutex<Option<Head>>>,
    due: Arc<Notify>,
    metrics: Arc<Metrics>,
}

impl Log {
    async fn work(self, mut waiting: mpsc::Receiver<Waiting>, stop: Arc<Notify>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                // What waits is kept before the end.
                biased;
                some = waiting.recv_many(&mut batch, BATCH) => {
                    if some == 0 {
                        return;
                    }
                }
                () = stop.notified() => return,
            }
            self.gather(&mut waiting, &mut batch).await;
            let (accesses, answers): (Vec<_>, Vec<_>) = batch
                .drain(..)
                .map(|waiting| (waiting.access, (waiting.answer, waiting.stranger)))
                .unzip();
            self.metrics.store.batch(Queue::Audit, accesses.len());
            let kept = self.keep(&accesses).await;
            for (answer, _stranger) in answers {
                // A caller that has gone away needs no answer.
                let _ = answer.send(kept.clone());
            }
        }
    }

    /// Adds what comes while calls that are about to be answered get that far.
    async fn gather(&self, waiting: &mut mpsc::Receiver<Waiting>, batch: &mut Vec<Waiting>) {
        for _ in 0..ROUNDS {
            let had = batch.len();
            task::yield_now().await;
            while batch.len() < BATCH
                && let Ok(next) = waiting.try_recv()
            {
                batch.push(next);
            }
            if batch.len() == had {
                return;
            }
        }
    }

    async fn keep(&self, accesses: &[Access]) -> Result<(), Error> {
        // Whoever seals waits for this, and sees what is on disk.
        let mut shared = self.head.lock().await;
        let mut head = match shared.take() {
            Some(head) if head.sealed_at >= self.clock.now().saturating_sub(RESTED) => head,
            // Whoever seals finds what another one has.
            _ => self.open().await?,
        };
        let mut lines = Vec::with_capacity(accesses.len());
        for access in accesses {
            head.count += 1;
            let line = Line::of(head.log, head.count, access)?;
            head.hash = line.hash(&head.hash);
            lines.push(line);
        }
        let (db, lines) = (self.db.clone(), Arc::new(lines));
        attempt(move || write(db.clone(), Arc::clone(&lines))).await.map_err(lost)?;
        *shared = Some(head);
        if head.count - head.sealed >= DUE {
            self.due.notify_one();
        }
        Ok(())
    }

    /// Begins a log. A seal of none of its rows tells that it is there, so that it cannot be taken
    /// out as a whole.
    async fn open(&self) -> Result<Head, Error> {
        let [a, b, c, d, e, f, g, h, ..] = self.clock.new_key();
        // Not negative: ids that begin with it are in the same order.
        let log = i64::from_be_bytes([a & 0x7f, b, c, d, e, f, g, h]);
        let hash = audit::start(log);
        let (db, now) = (self.db.clone(), self.clock.now());
        let open = move || {
            let db = db.clone();
            async move { seal::open(&db, log, hash, now).await }
        };
        attempt(open).await.map_err(lost)?;
        Ok(Head { log, count: 0, hash, sealed: 0, sealed_at: now })
    }
}

async fn write(db: Db, lines: Arc<Vec<Line>>) -> Result<(), Error> {
    let mut batch = Batch::default();
    let columns = vec![
        Column::Integers(lines.iter().map(|line| line.log).collect()),
        Column::Integers(lines.iter().map(|line| line.number).collect()),
        Column::Integers(lines.iter().map(|line| line.at).collect()),
        Column::Texts(lines.iter().map(|line| line.access.clone()).collect()),
    ];
    batch.insert(&AUDIT_LOG, columns);
    batch.write_alone(&db).await
}
