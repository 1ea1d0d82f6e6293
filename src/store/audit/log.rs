//! The log of this process: what waits at the same time is kept in one transaction, and each call
//! has its answer after the commit.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
};

use super::{AUDIT_LOG, AUDIT_LOOKS, log_columns, looks_columns, seal};
use crate::{
    clock::Clock,
    error::Error,
    model::{Access, KeptAccess},
    store::{
        Store,
        attempt::{attempt, lost},
        bulk::Batch,
        db::Db,
    },
    story::audit,
};

/// How many accesses may wait; one more is refused as overload.
const QUEUE: usize = 8192;
/// How many accesses one transaction keeps.
const BATCH: usize = 1024;

/// How many of them may be of callers that are not known: however many calls strangers make, those
/// of known callers are kept.
const STRANGERS: usize = QUEUE / 8;

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
}

/// The way into the log.
#[derive(Debug)]
pub struct Auditor {
    queue: mpsc::Sender<Waiting>,
    strangers: Arc<Semaphore>,
    /// Nothing until there is a first row, and after a transaction of which nobody knows whether it
    /// was kept: the next row begins another log, and whoever seals looks how far this one came.
    pub(super) head: Arc<Mutex<Option<Head>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Auditor {
    pub fn start(db: &Db, clock: Clock) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let head = Arc::default();
        let writer = tokio::spawn(work(db.clone(), clock, waiting, Arc::clone(&head)));
        let strangers = Arc::new(Semaphore::new(STRANGERS));
        Self { queue, strangers, head, writer: Mutex::new(Some(writer)) }
    }

    /// Stops the writer. What it is in the middle of goes on in a task, and the pools wait for it.
    pub async fn close(&self) {
        if let Some(writer) = self.writer.lock().await.take() {
            writer.abort();
            // It answers that it was cancelled.
            let _ = writer.await;
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

async fn work(
    db: Db,
    clock: Clock,
    mut waiting: mpsc::Receiver<Waiting>,
    head: Arc<Mutex<Option<Head>>>,
) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let (accesses, answers): (Vec<_>, Vec<_>) = batch
            .drain(..)
            .map(|waiting| (waiting.access, (waiting.answer, waiting.stranger)))
            .unzip();
        let kept = keep(&db, clock, &head, accesses).await;
        for (answer, _stranger) in answers {
            // A caller that has gone away needs no answer.
            let _ = answer.send(kept.clone());
        }
    }
}

async fn keep(
    db: &Db,
    clock: Clock,
    shared: &Mutex<Option<Head>>,
    accesses: Vec<Access>,
) -> Result<(), Error> {
    let known = shared.lock().await.take();
    let mut head = match known {
        Some(head) => head,
        None => open(db, clock).await?,
    };
    let mut rows = Vec::with_capacity(accesses.len());
    for access in accesses {
        head.count += 1;
        let row = KeptAccess { id: audit::access_id(head.log, head.count), access };
        head.hash = audit::next(&head.hash, &row);
        rows.push(row);
    }
    let (db, rows) = (db.clone(), Arc::new(rows));
    attempt(move || write(db.clone(), Arc::clone(&rows))).await.map_err(lost)?;
    *shared.lock().await = Some(head);
    Ok(())
}

async fn write(db: Db, rows: Arc<Vec<KeptAccess>>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let mut batch = Batch::default();
    batch.insert(&AUDIT_LOG, log_columns(&rows));
    batch.insert(&AUDIT_LOOKS, looks_columns(&rows));
    batch.write(&mut tx).await?;
    tx.commit().await
}

/// Begins a log. A seal of none of its rows tells that it is there, so that it cannot be taken out
/// as a whole.
async fn open(db: &Db, clock: Clock) -> Result<Head, Error> {
    let [a, b, c, d, e, f, g, h, ..] = clock.new_key();
    let log = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    let hash = audit::start(log);
    let (db, now) = (db.clone(), clock.now());
    let open = move || {
        let db = db.clone();
        async move { seal::open(&db, log, hash, now).await }
    };
    attempt(open).await.map_err(lost)?;
    Ok(Head { log, count: 0, hash, sealed: 0 })
}
