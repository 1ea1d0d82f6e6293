//! All SQL, in rooms. A room takes from the rooms below it and never the other way round:
//!
//! ```text
//! inspect                 what is in a database that nobody opens for use
//! health                  whether the store and its clock work
//! backup       record     copies and restores; entries and customers in batches
//! privacy      watch      erasure, export, restriction, retention; new entries as they come
//! aggregate    briefing   cases, promises, quotes and orders; what to know before a conversation
//! identity                who is the same person
//! write                   the rows of a write, and the change of one customer
//! entry                   entries: stored, listed, searched and sealed
//! audit                   the audit log
//! sql                     connections, transactions, statements and migrations
//! files                   the files of SQLite
//! ```
//!
//! [`Store`] stands above all of them. Its methods are in the rooms, so a room may name `Store` for
//! an `impl` block and for what it holds: connections, clock, signals. A write goes through
//! `record::recorder` into one transaction of `record::transaction`, where `record::plan` decides
//! what it does.

mod aggregate;
mod audit;
pub mod backup;
mod briefing;
mod entry;
mod files;
mod health;
mod identity;
pub mod inspect;
mod open;
mod opening;
mod paths;
mod privacy;
mod record;
mod sql;
mod statements;
mod watch;
mod write;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicI64},
};

use tokio::{
    sync::{Mutex, Semaphore},
    task::AbortHandle,
};
use uuid::Uuid;

use crate::{
    clock::{Clock, skew::ClockSkew},
    error::Error,
    metrics::Metrics,
    model::{
        Candidate, CaseChoice, Conflict, Customer, Identifier, Micros, Origin, Profile,
        RecordEntry, RecordedEntry, Target,
    },
};
use audit::Auditor;
use files::StoreLock;
use open::Opened;
use privacy::{erasure::Tombstones, restricted::Restricted};
use record::recorder::Recorder;
use sql::{db::Db, statement::Kind};
use watch::signals::Signals;
use write::writes::{NamedEntry, Outcome, WriteItem};

pub use aggregate::case::NewCase;
pub use aggregate::case_list::CasesOf;
pub use aggregate::case_pass::{IssuedPass, NewPass};
pub use aggregate::purchase::order_event;
pub use aggregate::reask_rate::ReasksOf;
pub use audit::{SealsFile, Verified};
pub use entry::payload::Frames;
pub use entry::timeline::page::{PAGE_BYTES, Page, PageRequest};
pub use files::Files;
pub use health::ready::NotReady;
pub use identity::claims::NamedBy;
pub use identity::customers::ProfileChange;
pub use identity::matching::{Step, Suggested, TopSuggestion};
pub use identity::preview::Preview;
pub use identity::suggestion::{Suggestion, Suggestions};
pub use opening::{OpenError, Opening};
pub use privacy::erasure::ErasureFile;
pub use privacy::export::{Export, Exported};
pub use privacy::restriction::NewRestriction;
pub use privacy::retention::{RemovalReport, Sweep, SweepProgress};
pub use statements::Statement;
pub use watch::{MAX_PAGE_BYTES, Person, Watch, WatchedEntry};

/// The store.
#[derive(Clone, Debug)]
pub struct Store {
    /// The id of the database, shared by all of its copies.
    id: Uuid,
    db: Db,
    /// The database of the audit log.
    audit: Db,
    metrics: Arc<Metrics>,
    looked_at: Arc<health::observe::LastObserved>,
    /// The SQLite file.
    file: Option<PathBuf>,
    clock: Clock,
    skew: ClockSkew,
    /// The newest time found in the database.
    newest: Arc<AtomicI64>,
    recorder: Arc<Recorder>,
    auditor: Arc<Auditor>,
    page_key: Arc<[u8]>,
    /// Searches across all timelines may be slow: half of the connections stay free of them.
    searches: Arc<Semaphore>,
    signals: Signals,
    restricted: Arc<Restricted>,
    /// Tasks that detect writes of other processes.
    pollers: [AbortHandle; 2],
    tombstones: Tombstones,
    /// The erasure ledger.
    erasure_file: Option<Arc<ErasureFile>>,
    /// Marks the SQLite files as open, until they are closed.
    lock: Arc<Mutex<Option<StoreLock>>>,
}

/// The customer that identifiers name.
#[derive(Clone, Debug, PartialEq)]
pub struct Identified {
    /// None if there are only candidates.
    pub customer: Option<Customer>,
    pub created: bool,
    /// The identifiers that belong to other customers.
    pub conflicts: Vec<Conflict>,
    pub candidates: Vec<Candidate>,
}

/// Whether the customer of an import was new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub customer_id: Uuid,
    pub created: bool,
    pub conflicts: Vec<Conflict>,
}

impl Store {
    /// Opens the database of a URL (`sqlite:FILE`, `postgres://...`) and migrates its tables.
    /// `connections` is the size of the pool.
    pub async fn open(url: &str, connections: u32, clock: Clock) -> Result<Self, OpenError> {
        Self::open_with(url, connections, clock, &Opening::default()).await
    }

    /// Opens a database with more options.
    pub async fn open_with(
        url: &str,
        connections: u32,
        clock: Clock,
        opening: &Opening,
    ) -> Result<Self, OpenError> {
        let kind = if url.starts_with("sqlite:") { Kind::Sqlite } else { Kind::Postgres };
        let metrics = Arc::new(Metrics::new(kind.name(), clock));
        let opened = open::open(url, connections, clock, opening, &metrics);
        let Opened { db, audit, id, lock } = opened.await?;
        let signals = Signals::default();
        let tombstones = Tombstones::load(&db, clock).await?;
        let recorder = Arc::new(Recorder::start(&db, clock, &signals, &tombstones, &metrics));
        let auditor = Arc::new(Auditor::start(&audit, clock, &metrics));
        let poller = tokio::spawn(watch::poll(db.clone(), Arc::clone(&signals.live)));
        let restricted = Arc::new(Restricted::default());
        restricted.load(&db).await?;
        let restrictions =
            tokio::spawn(privacy::restricted::poll(db.clone(), Arc::clone(&restricted)));
        let pollers = [poller.abort_handle(), restrictions.abort_handle()];
        let searches = usize::try_from(connections / 2).unwrap_or(1).max(1);
        let searches = Arc::new(Semaphore::new(searches));
        let page_key = Arc::from([]);
        let erasure_file = None;
        let mut store = Self {
            id,
            db,
            audit,
            metrics,
            looked_at: Arc::default(),
            file: sql::db::sqlite_file(url).map(PathBuf::from),
            lock: Arc::new(Mutex::new(lock)),
            clock,
            skew: ClockSkew::default(),
            newest: Arc::new(AtomicI64::new(Micros::MIN)),
            recorder,
            auditor,
            page_key,
            searches,
            signals,
            restricted,
            pollers,
            tombstones,
            erasure_file,
        };
        store.page_key = store.load_page_key().await?.into();
        store.fill_customer_search().await?;
        store.fill_entry_revisions().await?;
        store.fill_orders().await?;
        store.fill_entry_seals().await?;
        store.note_put_back().await?;
        Ok(store)
    }

    /// The key that signs page tokens.
    pub fn page_key(&self) -> &[u8] {
        &self.page_key
    }

    /// `sqlite` or `postgres`.
    pub fn database(&self) -> &'static str {
        self.db.kind().name()
    }

    /// The known skew of the clock.
    pub fn skew(&self) -> &ClockSkew {
        &self.skew
    }

    /// The metrics of this store and of the server on it.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Waits for running writes and closes the connections.
    pub async fn close(&self) {
        self.pollers.iter().for_each(AbortHandle::abort);
        self.recorder.close().await;
        self.auditor.close().await;
        self.audit.close().await;
        self.db.close().await;
        self.lock.lock().await.take();
    }

    /// The id of the database, which its backups share.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Records entries, all or none; one result for each. Coalesced with concurrent calls.
    pub async fn record(&self, records: Vec<RecordEntry>) -> Result<Vec<RecordedEntry>, Error> {
        let choices: Vec<CaseChoice> = records.iter().map(|record| record.case).collect();
        let done = self.recorder.record(records.into_iter().map(item).collect()).await?;
        let recorded: Result<Vec<RecordedEntry>, Error> = done.into_iter().map(recorded).collect();
        let mut recorded = recorded?;
        for (one, choice) in recorded.iter_mut().zip(choices) {
            match choice {
                _ if !one.already_recorded => {}
                CaseChoice::None => {}
                // The same call chose the same case.
                CaseChoice::This(case_id) => one.case_id = Some(case_id),
                CaseChoice::Auto(_) => {
                    one.case_id = self.case_of_entry(one.record_id, one.entry_id).await?;
                }
            }
        }
        Ok(recorded)
    }

    /// Records entries in one transaction, but each by itself: a refused one does not affect the
    /// others. For imports, up to about 1,000 per call. An error of the call means that none was
    /// recorded.
    pub async fn record_each(
        &self,
        records: Vec<RecordEntry>,
    ) -> Result<Vec<Result<RecordedEntry, Error>>, Error> {
        let commands = records.into_iter().map(|record| vec![item(record)]).collect();
        let answers = self.write_all(commands).await?;
        Ok(answers.into_iter().map(|answer| answer.and_then(one).and_then(recorded)).collect())
    }

    /// The customer that the identifiers name, created if new; or the candidates.
    pub async fn identify(
        &self,
        identifiers: Vec<Identifier>,
        profile: Profile,
        origin: Origin,
    ) -> Result<Identified, Error> {
        let named = (identifiers.clone(), profile.clone());
        let item = customer_item(identifiers, profile, origin, None);
        let done = one(self.recorder.record(vec![item]).await?)?;
        let Outcome { resolved, conflicts, mut candidates, .. } = done;
        candidates.retain(|candidate| !self.is_restricted(candidate.customer_id));
        self.rank_candidates(&named.1, &named.0, &mut candidates).await?;
        let created = resolved.is_some_and(|resolved| resolved.created);
        let customer = match resolved {
            None => None,
            Some(resolved) => {
                let customer = self.get_customer(resolved.record_id).await?;
                Some(customer.ok_or(Error::CustomerNotFound)?)
            }
        };
        Ok(Identified { customer, created, conflicts, candidates })
    }

    /// Identifies many customers in one transaction, but each by itself. For imports, up to about
    /// 1,000.
    pub async fn identify_each(
        &self,
        customers: Vec<(Vec<Identifier>, Profile, Origin)>,
    ) -> Result<Vec<Result<Imported, Error>>, Error> {
        let commands = customers
            .into_iter()
            .map(|(identifiers, profile, origin)| {
                // A row of a file may be arbitrarily old.
                vec![customer_item(identifiers, profile, origin, Some(Micros::MIN))]
            })
            .collect();
        let answers = self.write_all(commands).await?.into_iter().map(|answer| {
            let done = one(answer?)?;
            let resolved = done.resolved.ok_or(Error::IdentifierAmbiguous)?;
            let (customer_id, created) = (resolved.person_id, resolved.created);
            Ok(Imported { customer_id, created, conflicts: done.conflicts })
        });
        Ok(answers.collect())
    }

    async fn write_all(
        &self,
        commands: Vec<Vec<WriteItem>>,
    ) -> Result<Vec<record::transaction::Answer>, Error> {
        let (signals, tombstones) = (&self.signals, &self.tombstones);
        let answers =
            record::recorder::record_all(&self.db, self.clock, commands, signals, tombstones).await;
        match answers.iter().find(|answer| matches!(answer, Err(Error::Unavailable(_)))) {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(answers),
        }
    }
}

fn item(record: RecordEntry) -> WriteItem {
    let RecordEntry { target, profile, origin, entry, case, names, body, time_violations } = record;
    let as_of = Some(entry.occurred_at);
    let entry = Some(NamedEntry { entry, case, names, body, time_violations });
    WriteItem { target, profile, origin, entry, as_of }
}

fn customer_item(
    identifiers: Vec<Identifier>,
    profile: Profile,
    origin: Origin,
    as_of: Option<Micros>,
) -> WriteItem {
    WriteItem { target: Target::Identifiers(identifiers), profile, origin, entry: None, as_of }
}

fn one(mut done: Vec<Outcome>) -> Result<Outcome, Error> {
    done.pop().ok_or_else(|| Error::Internal("an item without an answer".to_owned()))
}

fn recorded(done: Outcome) -> Result<RecordedEntry, Error> {
    let missing = || Error::Internal("an entry without an answer".to_owned());
    let entry = done.entry.ok_or_else(missing)?;
    let resolved = done.resolved.ok_or_else(missing)?;
    Ok(RecordedEntry {
        record_id: resolved.record_id,
        customer_id: resolved.person_id,
        entry_id: entry.entry_id,
        revision: entry.revision,
        recorded_at: entry.recorded_at,
        customer_created: resolved.created,
        already_recorded: entry.already_recorded,
        conflicts: done.conflicts,
        case_id: entry.case_id,
        probable_cases: entry.probable_cases,
    })
}
