//! A look through the pages of files that a crash has left, before they are served.

use std::{
    path::Path,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

use super::has_content;
use crate::store::opening::OpenError;

/// One line: `ok`, or the first thing that is wrong.
const QUICK_CHECK: &str = "pragma quick_check(1)";
/// After how many steps SQLite asks whether to go on.
const STEPS: i32 = 10_000;
/// What SQLite says of a statement that was stopped.
const INTERRUPTED: &str = "9";

/// Checks each of the files that is there, all within a time. What that does not suffice for is
/// left unchecked.
pub async fn check(files: &[&Path], limit: Duration) -> Result<(), OpenError> {
    let until = Instant::now() + limit;
    for file in files.iter().copied().filter(|file| has_content(file)) {
        let unfit = |error: sqlx::Error| OpenError::of_sqlite(file, &error);
        // Without a write: what is found wrong is left as it was.
        let options = SqliteConnectOptions::new().filename(file).read_only(true);
        let mut connection = options.connect().await.map_err(unfit)?;
        let found = first_fault(&mut connection, until).await;
        let _ = connection.close().await;
        match found.map_err(unfit)? {
            None => tracing::warn!(
                file = %file.display(),
                seconds = limit.as_secs(),
                "the database was not checked to its end within the time for it"
            ),
            Some(found) if found == "ok" => {
                tracing::info!(file = %file.display(), "the database was checked, and is whole");
            }
            Some(fault) => return Err(OpenError::Corrupt { file: file.to_owned(), fault }),
        }
    }
    Ok(())
}

/// What the check says; nothing where its time is up before.
async fn first_fault(
    connection: &mut SqliteConnection,
    until: Instant,
) -> Result<Option<String>, sqlx::Error> {
    let is_over = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&is_over);
    let goes_on = move || !is_over.load(Ordering::Relaxed);
    connection.lock_handle().await?.set_progress_handler(STEPS, goes_on);
    let mut checking = pin!(sqlx::query_scalar(QUICK_CHECK).fetch_one(connection));
    let found = select! {
        found = &mut checking => found,
        () = sleep_until(until) => {
            stop.store(true, Ordering::Relaxed);
            checking.await
        }
    };
    match found {
        Ok(found) => Ok(Some(found)),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(INTERRUPTED) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
