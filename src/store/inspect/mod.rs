//! Inspects a database without changing anything: no migration runs, no file is created, and a
//! server may be running.

mod found;
mod how;
mod migrations;
mod postgres;
mod sqlite;

use std::{collections::BTreeSet, path::PathBuf};

use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    error::Error,
    store::{opening::OpenError, privacy::erasure::ErasureFile},
};
use how::ANSWER_LIMIT;

pub use found::{
    ClockDifference, Connections, Contents, Engine, Found, Inspection, Integrity, Place, Postgres,
    Replication, Sqlite, SqliteFile,
};
pub use how::Inspecting;
pub use migrations::Migrations;

/// Inspects the database of a URL.
pub async fn inspect(url: &str, how: &Inspecting) -> Result<Inspection, OpenError> {
    if url.starts_with("sqlite:") {
        return sqlite::inspect(url, how).await;
    }
    let late = |_| Error::Unavailable(format!("no answer within {} s", ANSWER_LIMIT.as_secs()));
    Ok(timeout(ANSWER_LIMIT, postgres::inspect(url, how)).await.map_err(late)??)
}

/// The ids of the erasures of a ledger; none if there is no such file.
pub async fn erasures_of_ledger(path: PathBuf) -> Result<BTreeSet<Uuid>, Error> {
    ErasureFile::new(path).ids().await
}
