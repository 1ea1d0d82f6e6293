//! An SQLite file as this process has opened it, and whether it is still the file of that name.
//!
//! SQLite keeps using a file that was deleted or replaced, and a commit into it is lost with the
//! process. So each commit is acknowledged only after the names were checked again.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, SqliteConnection,
    sqlite::SqliteConnectOptions,
};
use tokio::sync::Mutex;

use crate::{
    error::Error,
    store::paths::{beside, resolved},
};

/// Reads the file, which makes SQLite open its log.
const READ: &str = "select count(*) from sqlite_master";

/// An open file.
#[derive(Debug)]
pub struct OpenFile {
    options: SqliteConnectOptions,
    /// The file, its log, and the index of the log.
    parts: Vec<Part>,
    /// A connection that keeps the log: SQLite deletes it with the last connection, and creates
    /// another one with the next.
    anchor: Mutex<Option<SqliteConnection>>,
}

#[derive(Debug)]
struct Part {
    path: PathBuf,
    /// The device and the inode.
    identity: (u64, u64),
    /// Whether it may be empty, like a log after a checkpoint.
    may_be_empty: bool,
}

impl OpenFile {
    /// Opens a file, and later connections with the same options.
    pub async fn open(path: &Path, options: SqliteConnectOptions) -> Result<Self, Error> {
        let mut anchor = options.connect().await?;
        anchor.execute(READ).await?;
        let file = resolved(path);
        let part = |end: &str, may_be_empty| -> Result<Part, Error> {
            // By the given name: a link may change.
            let path = if end.is_empty() { path.to_owned() } else { beside(&file, end) };
            let found = fs::metadata(&path).map_err(|error| not_in_place(&path, Some(&error)))?;
            let identity = (found.dev(), found.ino());
            Ok(Part { path, identity, may_be_empty })
        };
        let parts = vec![part("", false)?, part("-wal", true)?, part("-shm", true)?];
        Ok(Self { options, parts, anchor: Mutex::new(Some(anchor)) })
    }

    /// A file whose name is not checked again: it is only read, or in memory.
    pub fn unwatched(options: SqliteConnectOptions) -> Self {
        Self { options, parts: Vec::new(), anchor: Mutex::default() }
    }

    /// Opens another connection to the file.
    pub async fn connect(&self) -> Result<SqliteConnection, Error> {
        // Also before opening: SQLite would replay this log into whatever has the name now.
        self.ensure_in_place()?;
        let opened = self.options.connect().await;
        let connection = opened.map_err(|error| self.explain(error.into()))?;
        self.ensure_in_place()?;
        Ok(connection)
    }

    /// Fails if the file or its log is no longer what its name refers to. It succeeds again once it
    /// is put back.
    pub fn ensure_in_place(&self) -> Result<(), Error> {
        for part in &self.parts {
            match fs::metadata(&part.path) {
                Ok(found)
                    if (found.dev(), found.ino()) == part.identity
                        && (part.may_be_empty || found.len() > 0) => {}
                found => return Err(not_in_place(&part.path, found.err().as_ref())),
            }
        }
        Ok(())
    }

    /// The meaning of an error. SQLite reports a file as corrupt if the disk cannot read it.
    pub fn explain(&self, error: Error) -> Error {
        match error {
            Error::Damaged(_) => self.ensure_readable().err().unwrap_or(error),
            error => error,
        }
    }

    fn ensure_readable(&self) -> Result<(), Error> {
        for part in &self.parts {
            let read = File::open(&part.path).and_then(|mut file| file.read(&mut [0]));
            read.map_err(|error| {
                Error::Unavailable(format!("{} cannot be read ({error})", part.path.display()))
            })?;
        }
        Ok(())
    }

    /// Closes it after all other connections.
    pub async fn close(&self) {
        if let Some(anchor) = self.anchor.lock().await.take() {
            // It is dropped in any case.
            let _ = anchor.close().await;
        }
    }
}

fn not_in_place(path: &Path, error: Option<&io::Error>) -> Error {
    let what = match error {
        Some(error) if error.kind() == io::ErrorKind::NotFound => "is gone".to_owned(),
        Some(error) => format!("cannot be checked ({error})"),
        None => "is another file, or empty".to_owned(),
    };
    Error::Unavailable(format!(
        "{} {what} since it was opened, so that nothing is written: put it back, or stop and put a \
         backup in its place",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_told_from_a_disk_that_cannot_be_read() {
        let explained = |path: &str, error| {
            let part = Part { path: path.into(), identity: (0, 0), may_be_empty: false };
            let options = SqliteConnectOptions::new();
            let file = OpenFile { options, parts: vec![part], anchor: Mutex::default() };
            file.explain(error)
        };
        let damaged = || Error::Damaged("database error 11".to_owned());
        let readable = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(matches!(explained(readable, damaged()), Error::Damaged(_)));
        // A folder can be opened and not be read.
        let unreadable = env!("CARGO_MANIFEST_DIR");
        assert!(matches!(explained(unreadable, damaged()), Error::Unavailable(_)));
        assert!(matches!(explained(unreadable, Error::Conflict), Error::Conflict));
    }
}
