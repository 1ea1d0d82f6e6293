//! Coalesces concurrent writes: waiting commands are recorded in one transaction, and each caller
//! continues after the commit. A single caller waits for nobody, and many share the wait for the
//! disk.
//!
//! The transactions run in their own tasks: a cancelled caller does not interrupt its write, which
//! would cost the connection.

use std::sync::Arc;

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
};

use super::transaction::{self, Answer};
use crate::{
    clock::Clock,
    error::Error,
    metrics::{Metrics, Queue},
    store::{
        privacy::erasure::Tombstones,
        sql::{
            attempt::{attempt, lost},
            db::Db,
        },
        watch::signals::Signals,
        write::writes::{Outcome, WriteItem},
    },
};

/// How many commands may wait; further ones are refused as overload.
const QUEUE: usize = 4096;
/// How many items a transaction holds, unless a single command is larger.
const BATCH: usize = 512;
struct Command {
    items: Vec<WriteItem>,
    answer: oneshot::Sender<Answer>,
}

/// The handle of the writer tasks.
#[derive(Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Command>,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

impl Recorder {
    /// `signals` are notified of what was written.
    pub fn start(
        db: &Db,
        clock: Clock,
        signals: &Signals,
        tombstones: &Tombstones,
        metrics: &Arc<Metrics>,
    ) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let commands = Arc::new(Mutex::new(commands));
        // While one transaction waits for the disk, the next one is prepared. SQLite has one
        // writer.
        let writers = match db {
            Db::Sqlite { .. } => 1,
            Db::Postgres(_) => 2,
        };
        let writers = (0..writers)
            .map(|_| {
                let (commands, signals) = (Arc::clone(&commands), signals.clone());
                let (tombstones, metrics) = (tombstones.clone(), Arc::clone(metrics));
                tokio::spawn(work(db.clone(), clock, commands, signals, tombstones, metrics))
            })
            .collect();
        Self { queue, writers: Mutex::new(writers) }
    }

    /// Records the items of a command, all or none.
    pub async fn record(&self, items: Vec<WriteItem>) -> Result<Vec<Outcome>, Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Command { items, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answered.await.map_err(|_| closed())?
    }

    /// How many commands wait.
    pub fn waiting(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Stops the writers. A running transaction continues in its task, and the pools wait for it;
    /// waiting commands are refused.
    pub async fn close(&self) {
        for writer in self.writers.lock().await.drain(..) {
            writer.abort();
            // It returns that it was cancelled.
            let _ = writer.await;
        }
    }
}

fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}

async fn work(
    db: Db,
    clock: Clock,
    commands: Arc<Mutex<mpsc::Receiver<Command>>>,
    signals: Signals,
    tombstones: Tombstones,
    metrics: Arc<Metrics>,
) {
    while let Some(batch) = next_batch(&commands).await {
        // A command whose caller has given up before it began is dropped.
        let waited_for = batch.into_iter().filter(|command| !command.answer.is_closed());
        let (items, answers): (Vec<_>, Vec<_>) =
            waited_for.map(|command| (command.items, command.answer)).unzip();
        if items.is_empty() {
            continue;
        }
        metrics.store.batch(Queue::Recorder, items.len());
        let results = record_all(&db, clock, items, &signals, &tombstones).await;
        for (answer, result) in answers.into_iter().zip(results) {
            // A caller that is gone needs no answer.
            let _ = answer.send(result);
        }
    }
}

/// The next command, with all that wait behind it.
async fn next_batch(commands: &Mutex<mpsc::Receiver<Command>>) -> Option<Vec<Command>> {
    let mut commands = commands.lock().await;
    let first = commands.recv().await?;
    let mut items = first.items.len();
    let mut batch = vec![first];
    while items < BATCH {
        let Ok(command) = commands.try_recv() else { break };
        items += command.items.len();
        batch.push(command);
    }
    Some(batch)
}

/// Records commands in one transaction. If the database refuses it, or every try conflicts, each
/// command is tried by itself, so that one does not fail the others.
pub async fn record_all(
    db: &Db,
    clock: Clock,
    commands: Vec<Vec<WriteItem>>,
    signals: &Signals,
    tombstones: &Tombstones,
) -> Vec<Answer> {
    let commands = Arc::new(commands);
    match in_task(db, clock, Arc::clone(&commands), signals, tombstones).await {
        Ok(answers) => answers,
        Err(error @ Error::Unavailable(_)) => vec![Err(error); commands.len()],
        Err(error) if commands.len() == 1 => vec![Err(lost(error))],
        Err(_) => {
            let mut answers = Vec::with_capacity(commands.len());
            for items in commands.iter() {
                let one = Arc::new(vec![items.clone()]);
                answers.push(match in_task(db, clock, one, signals, tombstones).await {
                    Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(closed())),
                    Err(error) => Err(lost(error)),
                });
            }
            answers
        }
    }
}

async fn in_task(
    db: &Db,
    clock: Clock,
    commands: Arc<Vec<Vec<WriteItem>>>,
    signals: &Signals,
    tombstones: &Tombstones,
) -> Result<Vec<Answer>, Error> {
    let (db, signals, tombstones) = (db.clone(), signals.clone(), tombstones.clone());
    attempt(move || {
        let (db, commands) = (db.clone(), Arc::clone(&commands));
        let (signals, tombstones) = (signals.clone(), tombstones.clone());
        async move { transaction::record(&db, clock, &commands, &signals, &tombstones).await }
    })
    .await
}
