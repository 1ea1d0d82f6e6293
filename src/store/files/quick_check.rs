//! Checks the pages of files after a crash, before they are served.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::store::{opening::OpenError, paths::has_content};

/// One line: `ok`, or the first problem.
pub const QUICK_CHECK: &str = "pragma quick_check(1)";
/// Checks the indexes against their tables too, which takes longer.
pub const INTEGRITY_CHECK: &str = "pragma integrity_check(1)";
/// The number of steps after which SQLite calls the progress handler.
const STEPS: i32 = 1000;
/// SQLite's code for an interrupted statement.
const INTERRUPTED: &str = "9";

/// Checks each existing file, all within a time limit. When the time is up, the rest is left
/// unchecked.
pub async fn check(files: &[&Path], limit: Duration) -> Result<(), OpenError> {
    let until = Instant::now() + limit;
    for file in files.iter().copied().filter(|file| has_content(file)) {
        let unfit = |error: sqlx::Error| OpenError::of_sqlite(file, &error);
        // Read-only, so that a damaged file stays as it is.
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await.map_err(unfit)?;
        let found = first_fault(&mut connection, QUICK_CHECK, until).await;
        let _ = connection.close().await;
        match found.map_err(unfit)? {
            None => tracing::warn!(
                file = %file.display(),
                seconds = limit.as_secs(),
                "the check of the database ran out of time"
            ),
            Some(found) if found == "ok" => {
                tracing::info!(file = %file.display(), "the database was checked, and is intact");
            }
            Some(fault) => return Err(OpenError::Corrupt { file: file.to_owned(), fault }),
        }
    }
    Ok(())
}

/// The result of a check; None if the time is up before.
pub async fn first_fault(
    connection: &mut SqliteConnection,
    check: &'static str,
    until: Instant,
) -> Result<Option<String>, sqlx::Error> {
    let goes_on = move || Instant::now() < until;
    if !goes_on() {
        return Ok(None);
    }
    connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
    let found = sqlx::query_scalar(check).fetch_one(&mut *connection).await;
    connection.lock_handle().await?.remove_progress_handler();
    match found {
        Ok(found) => Ok(Some(found)),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(INTERRUPTED) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use sqlx::{Connection as _, Executor as _, SqliteConnection};

    use super::{INTEGRITY_CHECK, first_fault};

    const MANY_ROWS: &str = "create table t (n unique); insert into t \
        with recursive n(i) as (select 1 union all select i + 1 from n where i < 300000) \
        select i from n";

    #[tokio::test]
    async fn a_check_ends_when_its_time_is_up() -> Result<(), sqlx::Error> {
        let mut memory = SqliteConnection::connect("sqlite::memory:").await?;
        memory.execute(MANY_ROWS).await?;
        let begun = Instant::now();
        let whole =
            first_fault(&mut memory, INTEGRITY_CHECK, begun + Duration::from_secs(600)).await?;
        assert_eq!(whole.as_deref(), Some("ok"));
        // In the middle of it.
        let until = Instant::now() + begun.elapsed() / 20;
        assert_eq!(first_fault(&mut memory, INTEGRITY_CHECK, until).await?, None);
        assert_eq!(first_fault(&mut memory, INTEGRITY_CHECK, begun).await?, None);
        // The connection is usable again.
        let far = Instant::now() + Duration::from_secs(600);
        assert_eq!(first_fault(&mut memory, INTEGRITY_CHECK, far).await?.as_deref(), Some("ok"));
        Ok(())
    }
}
