//! The audit log of this process. Concurrent entries are written in one transaction, and each call
//! continues after the commit.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::{self, JoinHandle},
    time::timeout,
};

use super::{
    row::{Head, Line, RESTED},
    seal,
};
use crate::{
    clock::Clock,
    domain::audit,
    error::Error,
    metrics::{Metrics, Queue},
    model::AuditEntry,
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::{Batch, Column, Table},
            db::Db,
        },
    },
};

static AUDIT_LOG: Table = Table { name: "audit_log", columns: &["log", "number", "at", "access"] };

/// How many entries may wait; further ones are refused as overload.
const QUEUE: usize = 8192;
/// How many of them may be of unauthenticated callers, so that a flood of these cannot displace the
/// entries of known callers.
const STRANGERS: usize = QUEUE / 8;

/// How many entries a transaction writes.
const BATCH: usize = 1024;
/// How often the writer yields to other tasks as long as more entries arrive each time: a
/// transaction costs as much as many rows. If nothing else runs, yielding costs no time.
const ROUNDS: usize = 2;

/// How long shutdown waits for entries.
const STOPPING: Duration = Duration::from_secs(5);

/// This many unsealed entries are sealed before their minute is over, since a list has to scan all
/// of them.
const DUE: i64 = 65_536;

struct Waiting {
    access: AuditEntry,
    /// The slot of an unauthenticated caller, until it is answered.
    stranger: Option<OwnedSemaphorePermit>,
    answer: oneshot::Sender<Result<(), Error>>,
}

/// The handle of the audit writer.
#[derive(Debug)]
pub struct Auditor {
    queue: mpsc::Sender<Waiting>,
    strangers: Arc<Semaphore>,
    /// None until there is a first row, and after a transaction with an unknown outcome: the next
    /// row then begins another log, and sealing determines how far this one came.
    pub(super) head: Arc<Mutex<Option<Head>>>,
    /// Notified when many entries are unsealed.
    pub(super) due: Arc<Notify>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Notified at shutdown.
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

    /// How many entries wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How many entries have no seal yet.
    pub async fn unsealed(&self) -> i64 {
        // The writer holds the lock during a commit.
        self.head.lock().await.map_or(0, |head| head.count - head.sealed)
    }

    /// Stops the writer once it has written the waiting entries. If the database does not answer,
    /// the current transaction continues in a task.
    pub async fn close(&self) {
        if let Some(mut writer) = self.writer.lock().await.take() {
            self.stop.notify_one();
            if timeout(STOPPING, &mut writer).await.is_err() {
                writer.abort();
                // It returns that it was cancelled.
                let _ = writer.await;
            }
        }
    }
}

impl Store {
    /// Adds an entry to the audit log. It is durable once this has returned.
    pub async fn add_audit_entry(&self, access: AuditEntry) -> Result<(), Error> {
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

/// The state of the writer.
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
                // Waiting entries are written before the shutdown.
                biased;
                some = waiting.recv_many(&mut batch, BATCH) => {
                    if some == 0 {
                        return;
                    }
                }
                () = stop.notified() => return,
            }
            self.gather(&mut waiting, &mut batch).await;
            let (entries, answers): (Vec<_>, Vec<_>) = batch
                .drain(..)
                .map(|waiting| (waiting.access, (waiting.answer, waiting.stranger)))
                .unzip();
            self.metrics.store.batch(Queue::Audit, entries.len());
            let kept = self.keep(&entries).await;
            for (answer, _stranger) in answers {
                // A caller that is gone needs no answer.
                let _ = answer.send(kept.clone());
            }
        }
    }

    /// Adds entries that arrive while other tasks get to run.
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

    async fn keep(&self, entries: &[AuditEntry]) -> Result<(), Error> {
        // Sealing waits for this lock, and sees what is durable.
        let mut shared = self.head.lock().await;
        let mut head = match shared.take() {
            Some(head) if head.sealed_at >= self.clock.now().saturating_sub(RESTED) => head,
            // Sealing handles the logs of other processes.
            _ => self.open().await?,
        };
        let mut lines = Vec::with_capacity(entries.len());
        for access in entries {
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

    /// Begins a log. A seal of none of its rows proves its existence, so that it cannot be removed
    /// as a whole.
    async fn open(&self) -> Result<Head, Error> {
        let [a, b, c, d, e, f, g, h, ..] = self.clock.new_key();
        // Not negative, so that ids that begin with it sort the same way.
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
