//! Writes that do not come to an end, so that a test has a call under way for as long as it likes.

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

use crate::support::Database;

/// Holds a lock that every write to a database waits for. Reads go on.
pub enum BlockedWrites {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl BlockedWrites {
    /// Of a database whose tables stand.
    pub async fn of(database: &Database) -> Self {
        if database.url.starts_with("sqlite:") {
            let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
            connection.execute("begin immediate").await.unwrap();
            Self::Sqlite(connection)
        } else {
            let mut connection = PgConnection::connect(&database.url).await.unwrap();
            connection.execute("begin").await.unwrap();
            connection.execute("lock table customers in exclusive mode").await.unwrap();
            Self::Postgres(connection)
        }
    }

    /// Lets the writes go on.
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
