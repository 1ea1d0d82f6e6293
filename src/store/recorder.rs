//! Coalesces concurrent writes: whatever waits is recorded in one transaction, and each caller has
//! its answer after the commit. A single caller waits for nobody, and many share the wait for the
//! disk.
//!
//! The transactions run in tasks of their own: a caller that goes away does not stop its write
//! half-way, which sqlx would not survive (issue 4393).

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::{
    db::Db,
    plan::{Done, Item},
    record::{self, Answer},
};
use crate::{clock::Clock, error::Error};

/// How many commands may wait; one more is refused as overload.
const QUEUE: usize = 4096;
/// How many items one transaction holds, but for a single command that is larger.
const BATCH: usize = 512;
/// How long a transaction may take. The database's own limits end a statement earlier; this one is
/// for a connection whose other side has vanished without a word. It is longer than the wait for a
/// connection and a statement together, so that what it drops is a connection already lost.
const BOUND: Duration = Duration::from_secs(45);
/// How often a batch that lost a race against another server is run again.
const TRIES: usize = 8;

struct Command {
    items: Vec<Item>,
    answer: oneshot::Sender<Answer>,
}

/// The way into the writers' tasks.
#[derive(Debug)]
pub struct Recorder {
    queue: mpsc::Sender<Command>,
    writers: Mutex<Vec<JoinHandle<()>>>,
}

impl Recorder {
    pub fn start(db: &Db, clock: Clock) -> Self {
        let (queue, commands) = mpsc::channel(QUEUE);
        let commands = Arc::new(Mutex::new(commands));
        // While one transaction waits for the disk the next one is on its way. SQLite has one
        // writer.
        let writers = match db {
            Db::Sqlite { .. } => 1,
            Db::Postgres(_) => 2,
        };
        let writers = (0..writers)
            .map(|_| tokio::spawn(work(db.clone(), clock, Arc::clone(&commands))))
            .collect();
        Self { queue, writers: Mutex::new(writers) }
    }

    /// Records the items of one command, all or none.
    pub async fn record(&self, items: Vec<Item>) -> Result<Vec<Done>, Error> {
        let (answer, answered) = oneshot::channel();
        self.queue.try_send(Command { items, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => closed(),
        })?;
        answered.await.map_err(|_| closed())?
    }

    /// Stops the writers. A transaction under way goes on in its task, and the pools wait for it;
    /// commands that still wait are refused.
    pub async fn close(&self) {
        for writer in self.writers.lock().await.drain(..) {
            writer.abort();
            // It answers that it was cancelled.
            let _ = writer.await;
        }
    }
}

fn closed() -> Error {
    Error::Unavailable("the store is closed".to_owned())
}

async fn work(db: Db, clock: Clock, commands: Arc<Mutex<mpsc::Receiver<Command>>>) {
    while let Some(batch) = next_batch(&commands).await {
        // Nobody waits any more for a command whose caller has given up before it began.
        let waited_for = batch.into_iter().filter(|command| !command.answer.is_closed());
        let (items, answers): (Vec<_>, Vec<_>) =
            waited_for.map(|command| (command.items, command.answer)).unzip();
        if items.is_empty() {
            continue;
        }
        let results = record_all(&db, clock, items).await;
        for (answer, result) in answers.into_iter().zip(results) {
            // A caller that has gone away needs no answer.
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

/// Records commands in one transaction. Where the database refuses it, or it loses every race, each
/// command is tried by itself, so that one does not fail the others.
pub async fn record_all(db: &Db, clock: Clock, commands: Vec<Vec<Item>>) -> Vec<Answer> {
    let commands = Arc::new(commands);
    match in_task(db, clock, Arc::clone(&commands)).await {
        Ok(answers) => answers,
        Err(error @ Error::Unavailable(_)) => vec![Err(error); commands.len()],
        Err(Error::LostRace) if commands.len() == 1 => {
            vec![Err(Error::Unavailable(format!("lost {TRIES} races")))]
        }
        Err(error) if commands.len() == 1 => vec![Err(error)],
        Err(_) => {
            let mut answers = Vec::with_capacity(commands.len());
            for items in commands.iter() {
                let one = Arc::new(vec![items.clone()]);
                answers.push(match in_task(db, clock, one).await {
                    Ok(mut answers) => answers.pop().unwrap_or_else(|| Err(closed())),
                    Err(Error::LostRace) => Err(Error::Unavailable(format!("lost {TRIES} races"))),
                    Err(error) => Err(error),
                });
            }
            answers
        }
    }
}

/// Runs the transaction in a task that nobody cancels.
async fn in_task(
    db: &Db,
    clock: Clock,
    commands: Arc<Vec<Vec<Item>>>,
) -> Result<Vec<Answer>, Error> {
    let db = db.clone();
    let task = tokio::spawn(async move {
        let mut last = closed();
        for _ in 0..TRIES {
            match timeout(BOUND, record::record(&db, clock, &commands)).await {
                Ok(Err(error @ Error::LostRace)) => last = error,
                Ok(result) => return result,
                Err(_) => return Err(Error::Unavailable("a write got no answer".to_owned())),
            }
        }
        Err(last)
    });
    task.await.map_err(|_| Error::Internal("a write task failed".to_owned()))?
}
