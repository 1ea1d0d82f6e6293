//! What stands in a database, read past the product.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use super::Database;

const SQLITE_TABLES: &str = "select name from sqlite_master where type = 'table'";
const POSTGRES_TABLES: &str = "select tablename::text from pg_tables where schemaname = 'public'";

impl Database {
    /// How many rows each table has. Tables within a text index of SQLite are left out: they may be
    /// written anew at any time.
    pub async fn row_counts(&self) -> BTreeMap<String, i64> {
        let (mut sqlite, mut postgres) = self.connect().await;
        let mut counts = BTreeMap::new();
        for table in self.tables().await {
            let count = AssertSqlSafe(format!("select count(*) from {table}"));
            let count = match (&mut sqlite, &mut postgres) {
                (Some(c), _) => sqlx::query_scalar(count).fetch_one(c).await,
                (_, Some(c)) => sqlx::query_scalar(count).fetch_one(c).await,
                _ => unreachable!("a database is one of the two"),
            };
            counts.insert(table, count.unwrap());
        }
        counts
    }

    async fn tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = match self.connect().await {
            (Some(mut c), _) => sqlx::query_scalar(SQLITE_TABLES).fetch_all(&mut c).await.unwrap(),
            (_, Some(mut c)) => {
                sqlx::query_scalar(POSTGRES_TABLES).fetch_all(&mut c).await.unwrap()
            }
            _ => unreachable!("a database is one of the two"),
        };
        let all = tables.clone();
        let is_part = |table: &str| {
            let parts = ["_data", "_idx", "_content", "_docsize", "_config"];
            parts.iter().any(|part| {
                table.strip_suffix(part).is_some_and(|whole| all.iter().any(|it| it == whole))
            })
        };
        tables.retain(|table| !is_part(table));
        tables.sort();
        tables
    }

    async fn connect(&self) -> (Option<SqliteConnection>, Option<PgConnection>) {
        if self.url.starts_with("sqlite:") {
            (Some(SqliteConnection::connect(&self.url).await.unwrap()), None)
        } else {
            (None, Some(PgConnection::connect(&self.url).await.unwrap()))
        }
    }
}
