//! Writes that do not complete, so that a test can have a call under way for as long as it likes.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::support::Database;

/// Holds a lock that every write to a database waits for. Reads are not blocked.
pub enum BlockedWrites {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl BlockedWrites {
    /// For a database with tables.
    pub async fn of(database: &Database) -> Self {
        Self::to(&database.url, "customers").await
    }

    /// For the audit log.
    pub async fn of_audit(database: &Database) -> Self {
        Self::to(&database.audit_url(), "audit_log").await
    }

    /// Locks a table of PostgreSQL, or a whole SQLite file.
    pub async fn to(url: &str, table: &str) -> Self {
        if url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            connection.execute("begin immediate").await.unwrap();
            Self::Sqlite(connection)
        } else {
            let mut connection = PgConnection::connect(url).await.unwrap();
            connection.execute("begin").await.unwrap();
            let lock = AssertSqlSafe(format!("lock table {table} in exclusive mode"));
            connection.execute(lock).await.unwrap();
            Self::Postgres(connection)
        }
    }

    /// Unblocks the writes.
    pub async fn release(self) {
        match self {
            Self::Sqlite(mut connection) => {
                connection.execute("rollback").await.unwrap();
                connection.close().await.unwrap();
            }
            Self::Postgres(mut connection) => {
                connection.execute("rollback").await.unwrap();
                connection.close().await.unwrap();
            }
        }
    }
}
