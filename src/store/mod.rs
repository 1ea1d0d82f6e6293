//! All SQL. A write goes through `recorder` into one transaction of `record`, where `plan`
//! decides what it does; a read is one statement of the file that is called like its noun.

mod bulk;
mod customer_search;
mod customers;
mod db;
mod dialect;
mod migrate;
mod payload;
mod plan;
mod record;
mod recorder;
mod search;
mod settings;
mod timeline;

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use customers::ProfileChange;
pub use payload::Frames;
pub use timeline::{PAGE_BYTES, Page, PageRequest};

use db::{Db, on_db};
use plan::{Done, Item, NamedEntry};
use recorder::Recorder;

use crate::{
    clock::Clock,
    error::Error,
    model::{Conflict, Customer, Identifier, Profile, Record, Recorded, Target},
};

const PING: &str = "select 1";

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    clock: Clock,
    recorder: Arc<Recorder>,
    page_key: Arc<[u8]>,
    /// A search over all history may take long: half of the connections stay free of them.
    searches: Arc<Semaphore>,
}

/// The customer that a set of identifiers names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    pub customer: Customer,
    pub created: bool,
    /// The identifiers that belong to other customers.
    pub conflicts: Vec<Conflict>,
}

/// Whether an import's customer was new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    pub customer_id: Uuid,
    pub created: bool,
    pub conflicts: Vec<Conflict>,
}

impl Store {
    /// Opens the database of a URL (`sqlite:FILE`, `postgres://...`) and brings its tables up to
    /// date. `connections` is the size of the pool.
    pub async fn open(url: &str, connections: u32, clock: Clock) -> Result<Self, Error> {
        let db = Db::open(url, connections).await?;
        migrate::migrate(&db).await?;
        let recorder = Arc::new(Recorder::start(&db, clock));
        let searches = usize::try_from(connections / 2).unwrap_or(1).max(1);
        let searches = Arc::new(Semaphore::new(searches));
        let mut store = Self { db, clock, recorder, page_key: Arc::from([]), searches };
        store.page_key = store.load_page_key().await?.into();
        store.fill_customer_search().await?;
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let _: i32 = on_db!(&self.db, |c| sqlx::query_scalar(PING).fetch_one(c).await?);
        Ok(())
    }

    /// The key that page tokens are signed with.
    pub fn page_key(&self) -> &[u8] {
        &self.page_key
    }

    /// `sqlite` or `postgres`.
    pub fn database(&self) -> &'static str {
        match self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        }
    }

    /// Waits for what is under way and closes the connections.
    pub async fn close(&self) {
        self.recorder.close().await;
        self.db.close().await;
    }

    /// Records entries, all or none; one answer for each. Coalesced with concurrent calls.
    pub async fn record(&self, records: Vec<Record>) -> Result<Vec<Recorded>, Error> {
        let done = self.recorder.record(records.into_iter().map(item).collect()).await?;
        done.into_iter().map(recorded).collect()
    }

    /// Records entries in one transaction, each by itself: one that is refused leaves the others.
    /// For imports: up to some 1,000 in a call. An error of the whole means that none was recorded.
    pub async fn record_each(
        &self,
        records: Vec<Record>,
    ) -> Result<Vec<Result<Recorded, Error>>, Error> {
        let commands = records.into_iter().map(|record| vec![item(record)]).collect();
        let answers = self.write_all(commands).await?;
        Ok(answers.into_iter().map(|answer| answer.and_then(one).and_then(recorded)).collect())
    }

    /// The customer that the identifiers name, made if new.
    pub async fn identify(
        &self,
        identifiers: Vec<Identifier>,
        profile: Profile,
    ) -> Result<Identified, Error> {
        let done = self.recorder.record(vec![customer_item(identifiers, profile)]).await?;
        let done = one(done)?;
        let customer = self.get_customer(done.customer_id).await?.ok_or(Error::CustomerNotFound)?;
        Ok(Identified { customer, created: done.customer_created, conflicts: done.conflicts })
    }

    /// The same for many, in one transaction, each by itself. For imports: up to some 1,000.
    pub async fn identify_each(
        &self,
        customers: Vec<(Vec<Identifier>, Profile)>,
    ) -> Result<Vec<Result<Imported, Error>>, Error> {
        let commands = customers
            .into_iter()
            .map(|(identifiers, profile)| vec![customer_item(identifiers, profile)])
            .collect();
        let answers = self.write_all(commands).await?.into_iter().map(|answer| {
            one(answer?).map(|done| Imported {
                customer_id: done.customer_id,
                created: done.customer_created,
                conflicts: done.conflicts,
            })
        });
        Ok(answers.collect())
    }

    async fn write_all(&self, commands: Vec<Vec<Item>>) -> Result<Vec<record::Answer>, Error> {
        let answers = recorder::record_all(&self.db, self.clock, commands).await;
        match answers.iter().find(|answer| matches!(answer, Err(Error::Unavailable(_)))) {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(answers),
        }
    }

    /// Prepares every statement on this database: the proof that one text suits both.
    #[doc(hidden)]
    pub async fn prepare_all(&self) -> Result<Vec<&'static str>, Error> {
        use sqlx::Executor as _;
        let mut names = Vec::new();
        for (name, text) in self.statements() {
            let text = AssertSqlSafe(text);
            let prepared = on_db!(&self.db, |c| c
                .prepare(sqlx::SqlSafeStr::into_sql_str(text))
                .await
                .map(drop));
            prepared.map_err(|error| Error::Internal(format!("{name}: {error}")))?;
            names.push(name);
        }
        Ok(names)
    }

    fn statements(&self) -> Vec<(&'static str, String)> {
        let sqlite = matches!(self.db, Db::Sqlite { .. });
        let twin = |twin: dialect::Twin| if sqlite { twin.sqlite } else { twin.postgres };
        let mut all = vec![
            ("customers.get", customers::GET.to_owned()),
            ("customers.find_owner", customers::FIND_OWNER.to_owned()),
            ("customers.list_identifiers", customers::LIST_IDENTIFIERS.to_owned()),
            ("customers.set_profile", customers::SET_PROFILE.to_owned()),
            ("entries.get", timeline::GET_ENTRY.to_owned()),
            ("settings.get", settings::GET.to_owned()),
            ("settings.add", settings::ADD.to_owned()),
            ("ping", PING.to_owned()),
        ];
        all.extend(dialect::STATEMENTS.iter().map(|(name, text)| (*name, twin(*text).to_owned())));
        all.extend(customer_search::statements());
        all.extend(timeline::TEXTS.iter().map(|text| ("entries.page", text.clone())));
        for by_order in [false, true] {
            let text = search::search_text(twin(dialect::WORDS_MATCH), by_order);
            all.push(("entries.search", text));
        }
        all
    }
}

fn item(record: Record) -> Item {
    let Record { target, profile, entry, names, body } = record;
    Item { target, profile, entry: Some(NamedEntry { entry, names, body }) }
}

fn customer_item(identifiers: Vec<Identifier>, profile: Profile) -> Item {
    Item { target: Target::Identifiers(identifiers), profile, entry: None }
}

fn one(mut done: Vec<Done>) -> Result<Done, Error> {
    done.pop().ok_or_else(|| Error::Internal("an item without an answer".to_owned()))
}

fn recorded(done: Done) -> Result<Recorded, Error> {
    let entry =
        done.entry.ok_or_else(|| Error::Internal("an entry without an answer".to_owned()))?;
    Ok(Recorded {
        customer_id: done.customer_id,
        entry_id: entry.entry_id,
        revision: entry.revision,
        recorded_at: entry.recorded_at,
        customer_created: done.customer_created,
        already_recorded: entry.already_recorded,
        conflicts: done.conflicts,
    })
}
