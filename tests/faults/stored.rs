//! What is in the database, read directly.

use std::collections::BTreeMap;

use prost::Message as _;
use sqlx::{Connection as _, PgConnection, SqliteConnection, postgres::PgRow, sqlite::SqliteRow};
use throughline::{model::Micros, pb};
use uuid::Uuid;

use crate::world::{Kind, World};

const ENTRIES: &str = "select customer_id, entry_id, payload from entries";
const REVISIONS: &str = "select customer_id, revision, entry_id from entry_revisions";
const CUSTOMERS: &str = "select id, person_id, revision from customers";
const DUE: &str = "select count(*) from promises where state = 'open' and due_at < $1";
const NAMES: &str =
    "select name, customer_id, entry_id, revision from idempotency_keys where scope = $1";

/// An entry with its id and its record.
pub struct StoredEntry {
    pub record: Uuid,
    pub id: Uuid,
    pub entry: pb::Entry,
}

/// All data of customers.
pub struct Stored {
    pub entries: Vec<StoredEntry>,
    /// Record, revision, entry.
    pub revisions: Vec<(Uuid, i64, Uuid)>,
    /// The person and the last revision of each record.
    pub customers: BTreeMap<Uuid, (Uuid, i64)>,
    /// Record, entry and revision by idempotency key.
    pub names: BTreeMap<String, (Uuid, Uuid, i64)>,
}

impl Stored {
    /// Reads what writers of one source have left, and everything else.
    pub async fn read(world: &World, source: &str) -> Self {
        let mut database = Connection::open(world).await;
        let entries: Vec<(Uuid, Uuid, Vec<u8>)> = database.rows(ENTRIES, None).await;
        let entries = entries.into_iter().map(|(record, id, payload)| {
            // An entry is stored as a page that contains only it.
            let page = pb::ListTimelineResponse::decode(payload.as_slice()).expect("an entry");
            let entry = page.entries.into_iter().next().expect("one entry");
            StoredEntry { record, id, entry }
        });
        let entries = entries.collect();
        let revisions = database.rows(REVISIONS, None).await;
        let customers: Vec<(Uuid, Uuid, i64)> = database.rows(CUSTOMERS, None).await;
        let customers = customers.into_iter().map(|(id, person, last)| (id, (person, last)));
        let names: Vec<(String, Uuid, Uuid, i64)> = database.rows(NAMES, Some(source)).await;
        let names = names
            .into_iter()
            .map(|(name, record, entry, revision)| (name, (record, entry, revision)));
        let (customers, names) = (customers.collect(), names.collect());
        Self { entries, revisions, customers, names }
    }
}

/// A separate connection for the test.
pub enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Connection {
    pub async fn open(world: &World) -> Self {
        match world.kind {
            Kind::Sqlite => Self::Sqlite(SqliteConnection::connect(&world.url).await.unwrap()),
            Kind::Postgres => Self::Postgres(PgConnection::connect(&world.url).await.unwrap()),
        }
    }

    /// Opens the database of the audit log.
    pub async fn open_audit(world: &World) -> Self {
        match world.kind {
            Kind::Sqlite => {
                let url = format!("{}-audit", world.url);
                Self::Sqlite(SqliteConnection::connect(&url).await.unwrap())
            }
            Kind::Postgres => Self::open(world).await,
        }
    }

    /// The number of promises due before a moment and neither settled nor broken.
    pub async fn due(&mut self, before: Micros) -> i64 {
        match self {
            Self::Sqlite(it) => sqlx::query_scalar(DUE).bind(before).fetch_one(it).await.unwrap(),
            Self::Postgres(it) => sqlx::query_scalar(DUE).bind(before).fetch_one(it).await.unwrap(),
        }
    }

    /// Runs a statement; returns the number of rows.
    pub async fn execute(&mut self, sql: &'static str) -> u64 {
        match self {
            Self::Sqlite(it) => sqlx::query(sql).execute(it).await.unwrap().rows_affected(),
            Self::Postgres(it) => sqlx::query(sql).execute(it).await.unwrap().rows_affected(),
        }
    }

    /// The rows of a statement with one parameter or none.
    pub async fn rows<T>(&mut self, sql: &'static str, parameter: Option<&str>) -> Vec<T>
    where
        T: for<'r> sqlx::FromRow<'r, SqliteRow> + for<'r> sqlx::FromRow<'r, PgRow>,
        T: Send + Unpin,
    {
        match self {
            Self::Sqlite(it) => {
                let mut query = sqlx::query_as(sql);
                if let Some(parameter) = parameter {
                    query = query.bind(parameter);
                }
                query.fetch_all(it).await.unwrap()
            }
            Self::Postgres(it) => {
                let mut query = sqlx::query_as(sql);
                if let Some(parameter) = parameter {
                    query = query.bind(parameter);
                }
                query.fetch_all(it).await.unwrap()
            }
        }
    }
}
