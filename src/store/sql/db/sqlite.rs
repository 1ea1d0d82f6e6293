//! Opens an SQLite file.

use std::{
    future::{self, Future},
    path::Path,
    sync::Arc,
    time::Duration,
};

use sqlx::{
    Executor as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    Db, Observers,
    pool::{Connect, Pool},
};
use crate::{
    error::Error,
    store::{files::OpenFile, sql::statement::Kind},
};

/// How long a statement waits for the lock of another process.
const BUSY: Duration = Duration::from_secs(10);

/// The cache size of a connection, in KiB as SQLite counts it. The rest is in the cache of the
/// operating system.
const CACHE: &str = "-2048";

/// Opens a file.
pub async fn open(file: &str, connections: u32, observers: &Observers) -> Result<Db, Error> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        // A mapped page that the disk cannot read, or that a truncated file no longer has, would
        // end the process with SIGBUS; a failed read is an error.
        .pragma("mmap_size", "0")
        // Deleted data is overwritten.
        .pragma("secure_delete", "on")
        .pragma("cache_size", CACHE)
        .row_buffer_size(256)
        .statement_cache_capacity(512);
    let file = Arc::new(OpenFile::open(Path::new(file), options).await?);
    let write = Pool::new(Arc::clone(&file), 1, observers.of(Kind::Sqlite, "write"));
    let readers = observers.of(Kind::Sqlite, "read");
    let read = Pool::new(Arc::clone(&file), connections.max(1), readers);
    Ok(Db::Sqlite { read, write, file })
}

impl Connect for SqliteConnection {
    type Target = Arc<OpenFile>;
    type Session = ();

    /// It ends by itself: it depends on nothing outside of this machine.
    const DRAIN: Duration = Duration::from_secs(35);

    async fn open(file: &Arc<OpenFile>) -> Result<(Self, ()), Error> {
        Ok((file.connect().await?, ()))
    }

    /// It always answers.
    fn lost(_: &Arc<OpenFile>, (): ()) -> impl Future<Output = ()> + Send {
        future::pending()
    }

    /// Closing it ended everything.
    async fn end(_: &Arc<OpenFile>, (): ()) {}

    /// It keeps its file open.
    async fn check(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn explain(file: &Arc<OpenFile>, error: Error) -> Error {
        file.explain(error)
    }

    async fn command(&mut self, statement: &'static str) -> Result<(), Error> {
        self.execute(statement).await?;
        Ok(())
    }
}
