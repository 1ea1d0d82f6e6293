//! The contents of a database, read directly.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::Database;

/// Every table, except those within a text index of SQLite, which it may rewrite at any time, the
/// audit log and the heartbeats, to which each call adds a row, even a refused one, and the seals
/// of entries, which are written every minute.
const SQLITE_TABLES: &str = "select name from sqlite_schema where type = 'table' \
    and name not glob 'entry_words_*' and name not glob 'audit_*' \
    and name not in ('heartbeats', 'write_count', 'entry_seals', 'unsealed_entries')";
const POSTGRES_TABLES: &str = "select tablename::text from pg_tables \
    where schemaname = 'public' and tablename not like 'audit@_%' escape '@' \
    and tablename not in ('heartbeats', 'entry_seals', 'unsealed_entries')";

/// Counts the rows of every table over a separate connection.
pub struct RowCounter {
    connection: Connection,
    query: String,
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl RowCounter {
    /// For a database with tables.
    pub async fn of(database: &Database) -> Self {
        let url = &database.url;
        let mut connection = match url.starts_with("sqlite:") {
            true => Connection::Sqlite(SqliteConnection::connect(url).await.unwrap()),
            false => Connection::Postgres(PgConnection::connect(url).await.unwrap()),
        };
        let tables: Vec<String> = match &mut connection {
            Connection::Sqlite(c) => sqlx::query_scalar(SQLITE_TABLES).fetch_all(c).await.unwrap(),
            Connection::Postgres(c) => {
                sqlx::query_scalar(POSTGRES_TABLES).fetch_all(c).await.unwrap()
            }
        };
        let count = |table: &String| format!("select '{table}', count(*) from {table}");
        let query = tables.iter().map(count).collect::<Vec<_>>().join(" union all ");
        Self { connection, query }
    }

    /// The number of rows of each table now.
    pub async fn count(&mut self) -> BTreeMap<String, i64> {
        let query = AssertSqlSafe(self.query.clone());
        let counts: Vec<(String, i64)> = match &mut self.connection {
            Connection::Sqlite(c) => sqlx::query_as(query).fetch_all(c).await.unwrap(),
            Connection::Postgres(c) => sqlx::query_as(query).fetch_all(c).await.unwrap(),
        };
        counts.into_iter().collect()
    }
}
