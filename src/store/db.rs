//! The two databases behind one enum: pools, transactions, and what their errors mean.

use std::{str::FromStr as _, time::Duration};

use sqlx::{
    FromRow, PgPool, Postgres, Sqlite, SqlitePool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions, PgRow},
    sqlite::{
        SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use uuid::Uuid;

use super::{
    dialect::{CHANGED_IDENTITY, Kind, SET_LAST_SEEN, SET_PERSON, Twin},
    files::COUNT,
};
use crate::{error::Error, model::Micros};

/// How long a call waits for a connection, and a statement for a lock.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the server side of each PostgreSQL connection is told. Every statement of ours goes by an
/// index: a plan that was cached while a table was empty must not read the table whole once it is
/// full.
const POSTGRES_SETTINGS: [(&str, &str); 9] = [
    ("statement_timeout", "30s"),
    ("lock_timeout", "10s"),
    ("idle_in_transaction_session_timeout", "30s"),
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("client_min_messages", "warning"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// The pools of one database.
#[derive(Clone, Debug)]
pub enum Db {
    /// SQLite has one writer: a pool of one connection for it, so that writers queue here and not
    /// in a busy loop.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

/// A write transaction.
pub enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// Runs the same statement on the database at hand: `on_db!(db, |c| query.fetch_all(c).await)`.
macro_rules! on_db {
    ($db:expr, |$c:ident| $run:expr) => {
        match $db {
            $crate::store::db::Db::Sqlite { read: $c, .. } => $run,
            $crate::store::db::Db::Postgres($c) => $run,
        }
    };
}

/// The same within a transaction.
macro_rules! on_tx {
    ($tx:expr, |$c:ident| $run:expr) => {
        match $tx {
            $crate::store::db::Tx::Sqlite(tx) => {
                let $c = &mut **tx;
                $run
            }
            $crate::store::db::Tx::Postgres(tx) => {
                let $c = &mut **tx;
                $run
            }
        }
    };
}

pub(super) use {on_db, on_tx};

impl Db {
    /// Opens `sqlite:FILE` or `postgres://...` with at most so many connections.
    pub async fn open(url: &str, connections: u32) -> Result<Self, Error> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            Self::open_sqlite(file.strip_prefix("//").unwrap_or(file), connections).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Self::open_postgres(url, connections).await
        } else {
            Err(Error::invalid("database", "must begin with sqlite: or postgres://"))
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    async fn open_sqlite(file: &str, connections: u32) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(ACQUIRE_TIMEOUT)
            .pragma("mmap_size", "1073741824")
            // What is deleted is overwritten.
            .pragma("secure_delete", "on")
            .pragma("cache_size", "-32768")
            .row_buffer_size(256)
            .statement_cache_capacity(512);
        let pool = |size: u32| {
            SqlitePoolOptions::new()
                .max_connections(size)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        // The first connection makes the file and sets the journal mode.
        let write = pool(1).connect_with(options.clone()).await?;
        let read = pool(connections.max(1)).connect_with(options).await?;
        Ok(Self::Sqlite { read, write })
    }

    async fn open_postgres(url: &str, connections: u32) -> Result<Self, Error> {
        let options = PgConnectOptions::from_str(url)?
            .application_name("throughline")
            .options(POSTGRES_SETTINGS)
            .statement_cache_capacity(512);
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    /// Begins a write transaction. Never await it in a task that may be cancelled: a `begin` that
    /// is dropped half-way leaves the connection in a transaction (sqlx issue 4393).
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("begin immediate").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// The rows of some ids, by one statement.
    pub async fn by_ids<T: Row>(&self, sql: Twin, ids: &[Uuid]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(ids.iter().map(|id| [id.simple().to_string()]));
                sqlx::query_as(sql.sqlite).bind(list).fetch_all(read).await?
            }
            Self::Postgres(pool) => sqlx::query_as(sql.postgres).bind(ids).fetch_all(pool).await?,
        })
    }

    /// The rows of some texts, by one statement.
    pub async fn by_texts<T: Row>(&self, sql: Twin, texts: &[String]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(texts.iter().map(|text| [text.clone()]));
                sqlx::query_as(sql.sqlite).bind(list).fetch_all(read).await?
            }
            Self::Postgres(pool) => {
                sqlx::query_as(sql.postgres).bind(texts).fetch_all(pool).await?
            }
        })
    }

    /// A page of the rows of some records: $1 the records, $2 whether the open ones alone, $3 and
    /// $4 behind what, $5 how many.
    pub async fn page_of_records<T: Row>(
        &self,
        sql: Twin,
        records: &[Uuid],
        open_only: bool,
        (at, id): (Micros, Uuid),
        count: i64,
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(records.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query_as(sql.sqlite).bind(list).bind(open_only);
                query.bind(at).bind(id).bind(count).fetch_all(read).await?
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(records).bind(open_only);
                query.bind(at).bind(id).bind(count).fetch_all(pool).await?
            }
        })
    }

    /// The rows of some pairs of texts, by one statement.
    pub async fn by_pairs<T: Row>(
        &self,
        sql: Twin,
        pairs: &[(String, String)],
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(pairs.iter().map(|(a, b)| [a.clone(), b.clone()]));
                sqlx::query_as(sql.sqlite).bind(list).fetch_all(read).await?
            }
            Self::Postgres(pool) => {
                let (a, b): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
                sqlx::query_as(sql.postgres).bind(a).bind(b).fetch_all(pool).await?
            }
        })
    }

    /// The rows of some records under a key: $1 the records, $2 and $3 its kind and the key, $4
    /// how many.
    pub async fn by_key_of_records<T: Row>(
        &self,
        sql: Twin,
        records: &[Uuid],
        (kind, key): (&str, &str),
        count: i64,
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(records.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query_as(sql.sqlite).bind(list).bind(kind).bind(key);
                query.bind(count).fetch_all(read).await?
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(records).bind(kind).bind(key);
                query.bind(count).fetch_all(pool).await?
            }
        })
    }

    /// Waits for the connections in use and closes all.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A row that both databases can give.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Row for T
where
    T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    T: for<'r> FromRow<'r, PgRow>,
{
}

impl Tx {
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(mut tx) => {
                sqlx::query(COUNT).execute(&mut *tx).await?;
                tx.commit().await?;
            }
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// The rows of some ids, by one statement.
    pub async fn by_ids<T: Row>(&mut self, sql: Twin, ids: &[Uuid]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let list = json(ids.iter().map(|id| [id.simple().to_string()]));
                sqlx::query_as(sql.sqlite).bind(list).fetch_all(&mut **tx).await?
            }
            Self::Postgres(tx) => {
                sqlx::query_as(sql.postgres).bind(ids).fetch_all(&mut **tx).await?
            }
        })
    }

    /// The rows of some texts, by one statement.
    pub async fn by_texts<T: Row>(&mut self, sql: Twin, texts: &[String]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let list = json(texts.iter().map(|text| [text.clone()]));
                sqlx::query_as(sql.sqlite).bind(list).fetch_all(&mut **tx).await?
            }
            Self::Postgres(tx) => {
                sqlx::query_as(sql.postgres).bind(texts).fetch_all(&mut **tx).await?
            }
        })
    }

    /// Notes that identifiers were seen: pairs of key and customer.
    pub async fn set_last_seen(
        &mut self,
        pairs: &[(String, String)],
        now: Micros,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let list = json(pairs.iter().map(|(a, b)| [a.clone(), b.clone()]));
                let query = sqlx::query(SET_LAST_SEEN.sqlite).bind(list).bind(now);
                query.execute(&mut **tx).await?;
            }
            Self::Postgres(tx) => {
                let (a, b): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
                let query = sqlx::query(SET_LAST_SEEN.postgres).bind(a).bind(b).bind(now);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// Notes that something was taken from the identity of records that are locked: whoever has
    /// read who they are before, without a lock, sees it.
    pub async fn changed_identity(&mut self, records: &[Uuid]) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let list = json(records.iter().map(|id| [id.simple().to_string()]));
                sqlx::query(CHANGED_IDENTITY.sqlite).bind(list).execute(&mut **tx).await?;
            }
            Self::Postgres(tx) => {
                let query = sqlx::query(CHANGED_IDENTITY.postgres).bind(records);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// Makes records part of a person.
    pub async fn set_person(&mut self, records: &[Uuid], person: Uuid) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let list = json(records.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query(SET_PERSON.sqlite).bind(list).bind(person);
                query.execute(&mut **tx).await?;
            }
            Self::Postgres(tx) => {
                let query = sqlx::query(SET_PERSON.postgres).bind(records).bind(person);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// The rows of some pairs of texts, by one statement.
    pub async fn by_pairs<T: Row>(
        &mut self,
        sql: Twin,
        pairs: &[(String, String)],
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let list = json(pairs.iter().map(|(a, b)| [a.clone(), b.clone()]));
                sqlx::query_as(sql.sqlite).bind(list).fetch_all(&mut **tx).await?
            }
            Self::Postgres(tx) => {
                let (a, b): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
                sqlx::query_as(sql.postgres).bind(a).bind(b).fetch_all(&mut **tx).await?
            }
        })
    }
}

/// A list as SQLite takes it: JSON, since it has no arrays.
pub(super) fn json<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<serde_json::Value> = rows
        .map(|row| serde_json::Value::Array(row.into_iter().map(Into::into).collect()))
        .collect();
    serde_json::Value::Array(rows).to_string()
}

impl From<sqlx::Error> for Error {
    /// A database that cannot be reached, is busy or is closing is a matter of time; a value that
    /// it refuses got past the edge and is a fault of ours. The text may hold values: it must not
    /// leave the process, and the database's own detail of a row is left out of it.
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if lost_race(database.as_ref()) {
                    Error::LostRace
                } else if is_outage(&code) {
                    Error::Unavailable(format!("database error {code}"))
                } else {
                    Error::Internal(format!("database error {code}: {:?}", database.kind()))
                }
            }
            sqlx::Error::ColumnDecode { index, .. } => {
                Error::Internal(format!("column {index} cannot be decoded"))
            }
            sqlx::Error::ColumnNotFound(_) | sqlx::Error::Decode(_) | sqlx::Error::Encode(_) => {
                Error::Internal(format!("{error}"))
            }
            _ => Error::Unavailable(format!("{error}")),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Error::Unavailable(format!("migration: {error}"))
    }
}

/// Whether the same transaction may succeed when it is run again: PostgreSQL's serialization
/// failure and deadlock, SQLite's stale snapshot, and a unique key that another server took first.
fn lost_race(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    matches!(&*code, "40001" | "40P01" | "517") || error.is_unique_violation()
}

/// PostgreSQL classes 08 (connection), 28 and 3D (it lets nobody in, or not into this database), 53
/// (resources), 57 (shutdown, cancelled by a timeout), and 25006 (a standby that takes no writes),
/// 25P03 (idle too long), 55000 (no connections allowed) and 55P03 (lock timeout); SQLite's busy,
/// full and unreadable disks.
fn is_outage(code: &str) -> bool {
    const CODES: [&str; 9] = ["08", "28", "3D", "53", "57", "25006", "25P03", "55000", "55P03"];
    if code.len() == 5 {
        CODES.iter().any(|outage| code.starts_with(outage))
    } else {
        matches!(code.parse::<u32>().map(|code| code & 0xff), Ok(5 | 6 | 10 | 13 | 14))
    }
}

#[cfg(test)]
mod tests {
    use super::is_outage;

    #[test]
    fn an_outage_is_told_from_a_fault_of_ours() {
        for code in
            ["08006", "28P01", "3D000", "53300", "55P03", "57014", "57P01", "5", "13", "266"]
        {
            assert!(is_outage(code), "{code}");
        }
        // A sign that is not UTF-8: its last byte is the number of a busy SQLite.
        for code in ["22021", "22P02", "23505", "42601", "42P01", "1", "19", "2067", ""] {
            assert!(!is_outage(code), "{code}");
        }
    }
}
