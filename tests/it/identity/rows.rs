//! Rows read directly from the database.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::{
    Connection as _, FromRow, PgConnection, SqliteConnection, postgres::PgRow, sqlite::SqliteRow,
};
use uuid::Uuid;

const CUSTOMER: &str = "select revision, person_id, records from customers where id = $1";
const ENTRIES: &str = "select entry_id, occurred_at, kind, channel, payload from entries \
    where customer_id = $1";

const CUSTOMERS: &str = "select id, revision, person_id, records from customers";
const MERGES: &str = "select id, into_id, from_id from merges m \
    where not exists (select 1 from unmerges u where u.merge_id = m.id) order by merged_at, id";
const PAYLOADS: &str = "select customer_id, entry_id, payload from entries";
const VERIFIED_TWICE: &str = "select i.key from identifiers i join customers c \
    on c.id = i.customer_id where i.verification = 'verified' \
    group by i.key having count(distinct c.person_id) > 1";

/// The revision, the canonical record, and the number of records of the person.
pub type CustomerRow = (i64, Uuid, i64);

/// A separate connection.
pub enum Rows {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Rows {
    pub async fn of(url: &str) -> Self {
        match url.starts_with("sqlite:") {
            true => Rows::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            false => Rows::Postgres(PgConnection::connect(url).await.unwrap()),
        }
    }

    pub async fn customer(&mut self, id: Uuid) -> CustomerRow {
        match self {
            Rows::Sqlite(c) => sqlx::query_as(CUSTOMER).bind(id).fetch_one(c).await.unwrap(),
            Rows::Postgres(c) => sqlx::query_as(CUSTOMER).bind(id).fetch_one(c).await.unwrap(),
        }
    }

    /// The entries of a record: their ids, and a checksum of each row.
    pub async fn entries(&mut self, record: Uuid) -> Vec<(Uuid, u64)> {
        type Row = (Uuid, i64, String, String, Vec<u8>);
        let rows: Vec<Row> = match self {
            Rows::Sqlite(c) => sqlx::query_as(ENTRIES).bind(record).fetch_all(c).await.unwrap(),
            Rows::Postgres(c) => sqlx::query_as(ENTRIES).bind(record).fetch_all(c).await.unwrap(),
        };
        let checksum = |row: Row| {
            let mut hasher = DefaultHasher::new();
            (record, &row).hash(&mut hasher);
            (row.0, hasher.finish())
        };
        rows.into_iter().map(checksum).collect()
    }

    /// The id, revision and canonical record of each record, and the number of records of the
    /// person.
    pub async fn customers(&mut self) -> Vec<(Uuid, i64, Uuid, i64)> {
        self.all(CUSTOMERS).await
    }

    /// The id of each merge in force, and the two canonical records.
    pub async fn merges_in_force(&mut self) -> Vec<(Uuid, Uuid, Uuid)> {
        self.all(MERGES).await
    }

    /// The record, id and payload of each entry.
    pub async fn payloads(&mut self) -> Vec<(Uuid, Uuid, Vec<u8>)> {
        self.all(PAYLOADS).await
    }

    /// The identifiers that two people have verified.
    pub async fn keys_verified_twice(&mut self) -> Vec<String> {
        self.all(VERIFIED_TWICE).await.into_iter().map(|(key,)| key).collect()
    }

    async fn all<T>(&mut self, sql: &'static str) -> Vec<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        match self {
            Rows::Sqlite(c) => sqlx::query_as(sql).fetch_all(c).await.unwrap(),
            Rows::Postgres(c) => sqlx::query_as(sql).fetch_all(c).await.unwrap(),
        }
    }
}
