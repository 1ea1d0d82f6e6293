//! Runs an import: calls go to the store in batches. While a batch is being written, a separate
//! thread reads and checks the next ones; they are written in the order of the file.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hasher as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::sync::mpsc;

use super::{
    convert::{Command, EntryCommand},
    rejects::{Origin, Reject, Writer},
    source::{Input, Source, Step},
    summary::Summary,
    writer::write,
};
use crate::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    error::Error,
    model::{self, Identifier, Profile, RecordEntry, Target},
    pb,
    store::Store,
};

/// The largest batch, in calls. A batch is written when it has the configured number of calls or
/// this many bytes of the file.
pub const MAX_BATCH: usize = 1000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The number of batches prepared while one is being written.
const BATCHES_AHEAD: usize = 2;

/// The options of an import.
#[derive(Clone, Debug)]
pub struct Options {
    pub input: Input,
    /// Check everything, write nothing.
    pub dry_run: bool,
    /// The path of the rejects file; none: no file.
    pub rejects: Option<PathBuf>,
    /// The number of calls per transaction.
    pub batch: usize,
}

/// The progress of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Whether the file of the lines is being read, before the rows.
    pub indexing: bool,
    pub bytes: u64,
    pub total_bytes: u64,
    pub rows: u64,
    pub rejected: u64,
}

/// The result of an import, and why it ended before the file did.
#[derive(Debug)]
pub struct Outcome {
    pub summary: Summary,
    pub stopped: Option<anyhow::Error>,
}

/// The identifiers and the profile of a customer.
type CheckedCustomer = (Vec<Identifier>, Profile, model::Origin);

/// Checked calls to be written.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub customers: Vec<(Arc<Origin>, CheckedCustomer)>,
    pub records: Vec<Checked>,
    pub rejects: Vec<Reject>,
    pub rows: u64,
    pub rows_left_out: u64,
    pub skipped_identifiers: u64,
    /// How far the file has been read.
    pub bytes: u64,
    length: usize,
}

/// An entry that has been checked.
#[derive(Debug)]
pub(super) struct Checked {
    pub origin: Arc<Origin>,
    pub record: RecordEntry,
    /// Kept if the entry may have to be recorded without some of its orders.
    pub request: Option<Box<pb::RecordEntryRequest>>,
}

enum Event {
    Opened { file: String, total_bytes: u64 },
    Indexed { bytes: u64, total_bytes: u64 },
    Batch(Box<Batch>),
    Done { never_found: Vec<String> },
}

/// Imports a file. What has been written stays, whatever happens: running the import again
/// continues it.
pub async fn run(
    options: Options,
    store: &Store,
    rules: &Rules,
    mut progress: impl FnMut(Progress),
) -> Outcome {
    let mut summary = Summary::new(options.dry_run);
    let stopped = consume(options, store, rules, &mut summary, &mut progress).await.err();
    summary.complete = stopped.is_none();
    summary.finish();
    Outcome { summary, stopped }
}

async fn consume(
    options: Options,
    store: &Store,
    rules: &Rules,
    summary: &mut Summary,
    progress: &mut impl FnMut(Progress),
) -> anyhow::Result<()> {
    let replays = options.input.replay.is_some();
    let rejects = options.rejects.map(|path| Writer::create(path, replays)).transpose()?;
    let (sender, mut receiver) = mpsc::channel(BATCHES_AHEAD);
    let thread_rules = rules.clone();
    let producer = tokio::task::spawn_blocking(move || {
        produce(&options.input, options.batch, &thread_rules, &sender)
    });
    let mut at = Progress::default();
    let mut file = String::new();
    let mut rejects = rejects;
    let mut seen = HashSet::new();
    while let Some(event) = receiver.recv().await {
        match event {
            Event::Opened { file: name, total_bytes } => {
                file = name;
                at = Progress { total_bytes, ..Progress::default() };
            }
            Event::Indexed { bytes, total_bytes } => {
                at = Progress { indexing: true, bytes, total_bytes, ..Progress::default() };
            }
            Event::Batch(mut batch) => {
                summary.rows += batch.rows;
                summary.rows_left_out += batch.rows_left_out;
                summary.identifiers_left_out += batch.skipped_identifiers;
                at = Progress { bytes: batch.bytes, rows: summary.rows, ..at };
                let mut refused = std::mem::take(&mut batch.rejects);
                if summary.dry_run {
                    refused.extend(batch.take_untimely(&file));
                    count(&batch, &mut seen, summary);
                } else {
                    write(*batch, &file, store, rules, summary, &mut refused).await?;
                }
                refused.sort_by_key(|reject| reject.line);
                for reject in &refused {
                    summary.add_reject(reject);
                    rejects.as_mut().map_or(Ok(()), |writer| writer.write(reject))?;
                }
                rejects.as_mut().map_or(Ok(()), Writer::flush)?;
                at.rejected = summary.rejected;
            }
            Event::Done { never_found } => summary.columns_never_found = never_found,
        }
        progress(at);
    }
    producer.await.context("the reading of the file broke off")??;
    if let Some(writer) = rejects {
        summary.rejects_file = writer.finish()?;
    }
    Ok(())
}

/// Reads and checks the file. Ends early if the receiver is gone.
fn produce(
    input: &Input,
    batch_size: usize,
    rules: &Rules,
    sender: &mpsc::Sender<Event>,
) -> anyhow::Result<()> {
    const STEP_BYTES: u64 = 1024 * 1024;

    let mut told = 0;
    let mut source = Source::open(input, rules, |bytes, total_bytes| {
        if bytes >= told + STEP_BYTES {
            told = bytes;
            // If the receiver is gone, sending the first batch fails too.
            drop(sender.blocking_send(Event::Indexed { bytes, total_bytes }));
        }
    })?;
    let opened = Event::Opened { file: source.file().to_owned(), total_bytes: source.total_bytes };
    if sender.blocking_send(opened).is_err() {
        return Ok(());
    }
    let mut batch = Batch::default();
    while let Some(step) = source.next_step()? {
        batch.add(step, source.file(), rules);
        if batch.is_full(batch_size) {
            batch.bytes = source.offset();
            let full = std::mem::take(&mut batch);
            if sender.blocking_send(Event::Batch(Box::new(full))).is_err() {
                return Ok(());
            }
        }
    }
    batch.bytes = source.offset();
    let never_found = source.columns_never_found();
    for event in [Event::Batch(Box::new(batch)), Event::Done { never_found }] {
        if sender.blocking_send(event).is_err() {
            break;
        }
    }
    Ok(())
}

impl Batch {
    fn is_full(&self, size: usize) -> bool {
        let calls = self.customers.len() + self.records.len() + self.rejects.len();
        calls >= size.min(MAX_BATCH) || self.length >= MAX_BYTES || self.rows >= 100_000
    }

    fn add(&mut self, step: Step, file: &str, rules: &Rules) {
        let Step { origin, commands, rejects, rows, skipped_identifiers } = step;
        self.rows += rows;
        self.skipped_identifiers += skipped_identifiers;
        if commands.is_empty() && rejects.is_empty() {
            self.rows_left_out += rows;
        }
        self.length += origin.raw.len() * commands.len().max(1);
        self.length += rejects.iter().map(Reject::raw_len).sum::<usize>();
        self.rejects.extend(rejects);
        let origin = Arc::new(origin);
        let actor = Actor::local();
        for command in commands {
            let checked = match command {
                Command::Customer(request) => {
                    let customer = validate::identify(*request, rules, &actor);
                    customer.map(|found| self.customers.push((Arc::clone(&origin), found)))
                }
                Command::Entry(command) => {
                    let EntryCommand { request, unknown_orders } = *command;
                    let has_orders =
                        request.entry.as_ref().is_some_and(|entry| !entry.order_numbers.is_empty());
                    let kept = (unknown_orders && has_orders).then(|| Box::new(request.clone()));
                    validate::record(request, rules, &actor).map(|record| {
                        let origin = Arc::clone(&origin);
                        self.records.push(Checked { origin, record, request: kept });
                    })
                }
            };
            if let Err(error) = checked {
                self.rejects.push(Reject::of_error(file, &origin, &error));
            }
        }
    }

    /// Takes out the entries that break a rule about time, which the store would refuse unless it
    /// already has them.
    fn take_untimely(&mut self, file: &str) -> Vec<Reject> {
        let (timely, untimely) = std::mem::take(&mut self.records)
            .into_iter()
            .partition::<Vec<_>, _>(|checked| checked.record.time_violations.is_empty());
        self.records = timely;
        let reject = |checked: Checked| {
            let error = Error::untimely(checked.record.time_violations);
            Reject::of_error(file, &checked.origin, &error)
        };
        untimely.into_iter().map(reject).collect()
    }
}

/// Counts what a dry run would write. An entry counts once, however often it is in the file.
fn count(batch: &Batch, seen: &mut HashSet<u64>, summary: &mut Summary) {
    for (_, (identifiers, ..)) in &batch.customers {
        summary.see(customer_hash(identifiers));
    }
    for Checked { record, .. } in &batch.records {
        match &record.target {
            Target::Customer(id) => summary.see(hash(id)),
            Target::Identifiers(identifiers) => summary.see(customer_hash(identifiers)),
        }
        if record.names.iter().all(|name| seen.insert(hash(name))) {
            summary.add_entry(record.entry.kind, record.entry.channel);
        } else {
            summary.duplicates += 1;
        }
    }
}

/// A hash of the strongest identifier.
fn customer_hash(identifiers: &[Identifier]) -> u64 {
    let strongest = identifiers.iter().min_by_key(|identifier| identifier.kind);
    hash(&strongest.map(Identifier::key))
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The pauses before each retry of a batch that the database did not accept.
pub(super) const PAUSES: [Duration; 5] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
];
