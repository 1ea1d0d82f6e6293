//! Rewrites the whole database, so that its free space holds no deleted data.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor as _, PgConnection};

use crate::{
    error::Error,
    store::{
        Store, files,
        sql::db::{Db, on},
    },
};

const TABLES: &str = "select quote_ident(tablename) from pg_tables \
    where schemaname = current_schema() order by tablename";
/// None of these statements may be stopped by the limits of calls.
const WITHOUT_LIMITS: &str = "set statement_timeout = 0; set lock_timeout = 0";
const WITH_LIMITS: &str = "reset statement_timeout; reset lock_timeout";
/// The time limit of all of it.
const BOUND: Duration = Duration::from_secs(24 * 3600);
/// Statistics of `analyze` contain values.
const VACUUM_STATISTICS: &str = "vacuum full pg_catalog.pg_statistic";

/// `analyze` keeps the statistics of a table that has become empty. This requires a superuser.
const FORGET_STATISTICS: &str = "delete from pg_catalog.pg_statistic where starelid in \
    (select oid from pg_catalog.pg_class \
    where relnamespace = cast(current_schema() as regnamespace))";

impl Store {
    /// Rewrites the SQLite file, or each PostgreSQL table. Writers wait meanwhile; on PostgreSQL
    /// readers of the table too. It temporarily needs the same space again. On PostgreSQL it
    /// requires the owner of the database.
    pub async fn vacuum(&self) -> Result<(), Error> {
        let store = self.clone();
        let task = tokio::spawn(async move {
            match &store.db {
                Db::Sqlite { write, .. } => {
                    let mut connection = write.acquire().await?.bounded_by(BOUND);
                    on!(connection, |c| {
                        c.execute("vacuum").await?;
                        files::name_page(c).await?;
                    });
                    drop(connection);
                    store.checkpoint().await
                }
                Db::Postgres(pool) => {
                    let mut connection = pool.acquire().await?.bounded_by(BOUND);
                    on!(connection, |c| vacuum_postgres(c).await?);
                    Ok(())
                }
            }
        });
        task.await.map_err(|_| Error::Internal("a vacuum failed".to_owned()))?
    }
}

async fn vacuum_postgres(connection: &mut PgConnection) -> Result<(), Error> {
    connection.execute(WITHOUT_LIMITS).await?;
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut *connection).await?;
    if let Err(error) = connection.execute(FORGET_STATISTICS).await {
        let error = Error::from(error);
        tracing::warn!(%error, "cannot clear the statistics of empty tables");
    }
    for table in tables {
        let text = format!("vacuum (full, analyze) {table}");
        connection.execute(AssertSqlSafe(text)).await?;
    }
    connection.execute(VACUUM_STATISTICS).await?;
    connection.execute(WITH_LIMITS).await?;
    Ok(())
}
