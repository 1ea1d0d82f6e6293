//! The two databases behind one enum: pools, transactions and errors.

mod fault;
mod observer;
mod open;
mod pool;
mod pooled;
mod postgres;
pub mod rows;
mod run;
mod servers;
mod sqlite;
mod tx;
pub mod vitals;

use std::sync::Arc;

use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

use super::statement::{Kind, Twin};
use crate::{error::Error, model::Micros, store::files::OpenFile};
use rows::{Row, json};
use vitals::Vitals;

pub use observer::Observers;
pub use pool::Pool;
pub use servers::Servers;
pub use tx::Tx;

/// The pools of a database.
#[derive(Clone, Debug)]
pub enum Db {
    /// SQLite allows one writer: its pool has one connection, so that writers queue here instead of
    /// in a busy loop.
    Sqlite {
        read: Pool<SqliteConnection>,
        write: Pool<SqliteConnection>,
        file: Arc<OpenFile>,
    },
    Postgres(Pool<PgConnection>),
}

/// Runs the same statements on either database, outside of a transaction.
macro_rules! on_db {
    ($db:expr, |$c:ident| $run:expr) => {
        match $db {
            $crate::store::sql::db::Db::Sqlite { read, .. } => {
                $crate::store::sql::db::on!(read.acquire().await?, |$c| $run)
            }
            $crate::store::sql::db::Db::Postgres(pool) => {
                $crate::store::sql::db::on!(pool.acquire().await?, |$c| $run)
            }
        }
    };
}

/// Runs the same statements within a transaction.
macro_rules! on_tx {
    ($tx:expr, |$c:ident| $run:expr) => {
        match $tx {
            $crate::store::sql::db::Tx::Sqlite(tx) => $crate::store::sql::db::on!(*tx, |$c| $run),
            $crate::store::sql::db::Tx::Postgres(tx) => $crate::store::sql::db::on!(*tx, |$c| $run),
        }
    };
}

pub(in crate::store) use run::on;
pub(in crate::store) use {on_db, on_tx};

/// The file of `sqlite:FILE`.
pub fn sqlite_file(url: &str) -> Option<&str> {
    let file = url.strip_prefix("sqlite:")?;
    let file = file.strip_prefix("//").unwrap_or(file);
    file.split('?').next()
}

impl Db {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Fails if an open SQLite file can no longer be found by its name.
    pub fn ensure_in_place(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite { file, .. } => file.ensure_in_place(),
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Its health, as observed through its use.
    pub fn vitals(&self) -> &Arc<Vitals> {
        match self {
            Self::Sqlite { write, .. } => write.vitals(),
            Self::Postgres(pool) => pool.vitals(),
        }
    }

    /// Updates the connection metrics.
    pub fn count_connections(&self) {
        match self {
            Self::Sqlite { read, write, .. } => {
                read.count_connections();
                write.count_connections();
            }
            Self::Postgres(pool) => pool.count_connections(),
        }
    }

    /// Begins a write transaction.
    pub async fn begin(&self) -> Result<Tx, Error> {
        match self {
            Self::Sqlite { write, .. } => {
                self.ensure_in_place()?;
                let mut connection = write.acquire().await?;
                connection.begin("begin immediate").await?;
                Ok(Tx::Sqlite(connection))
            }
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                connection.begin("begin").await?;
                Ok(Tx::Postgres(connection))
            }
        }
    }

    /// Begins a read-only transaction on a consistent snapshot.
    pub async fn snapshot(&self) -> Result<Tx, Error> {
        match self {
            Self::Sqlite { read, .. } => {
                let mut connection = read.acquire().await?;
                connection.begin("begin").await?;
                Ok(Tx::Sqlite(connection))
            }
            Self::Postgres(pool) => {
                let mut connection = pool.acquire().await?;
                connection.begin("begin isolation level repeatable read read only").await?;
                Ok(Tx::Postgres(connection))
            }
        }
    }

    /// The rows of some ids, in one statement.
    pub async fn by_ids<T: Row>(&self, sql: Twin, ids: &[Uuid]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(ids.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query_as(sql.sqlite).bind(list);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(ids);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// The rows of some texts, in one statement.
    pub async fn by_texts<T: Row>(&self, sql: Twin, texts: &[String]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(texts.iter().map(|text| [text.clone()]));
                let query = sqlx::query_as(sql.sqlite).bind(list);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(texts);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// A page of rows of some records: $1 the records, $2 open only, $3 and $4 the position, $5 the
    /// limit.
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
                let query = query.bind(at).bind(id).bind(count);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(records).bind(open_only);
                let query = query.bind(at).bind(id).bind(count);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// The rows of some pairs of texts, in one statement.
    pub async fn by_pairs<T: Row>(
        &self,
        sql: Twin,
        pairs: &[(String, String)],
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let list = json(pairs.iter().map(|(a, b)| [a.clone(), b.clone()]));
                let query = sqlx::query_as(sql.sqlite).bind(list);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(pool) => {
                let (a, b): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
                let query = sqlx::query_as(sql.postgres).bind(a).bind(b);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// The rows of some records with a key: $1 the records, $2 and $3 kind and key, $4 the limit.
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
                let query = query.bind(count);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(records).bind(kind).bind(key);
                let query = query.bind(count);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// Waits for the connections in use and closes all.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write, file } => {
                read.close().await;
                write.close().await;
                file.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}
