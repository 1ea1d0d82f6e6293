//! Rows read past the product.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use sqlx::{Connection as _, PgConnection, SqliteConnection};
use uuid::Uuid;

const CUSTOMER: &str = "select revision, person_id, records from customers where id = $1";
const ENTRIES: &str = "select entry_id, occurred_at, kind, channel, payload from entries \
    where customer_id = $1";

/// The canonical record, and how many records the person is.
pub type CustomerRow = (i64, Uuid, i64);

/// A connection beside the store's.
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
}
