//! Why a backup cannot be made or put back.

use std::path::Path;

use crate::{error::Error, store::opening::OpenError};

/// Why a backup or a restore failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BackupError {
    /// The problem, and what to do.
    #[error("{what}. {advice}")]
    Refused { what: String, advice: String },
    /// The dump was restored into PostgreSQL, but the steps after it failed.
    #[error(
        "the dump is in the database, but the restore was not finished: {0}. Start no server on \
         it: who was erased since the backup may be in it. Run the restore again, or drop the \
         database and restore into a new one"
    )]
    Unfinished(Box<BackupError>),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("{}", .0.cause())]
    Store(#[from] Error),
}

impl BackupError {
    pub(super) fn refused(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), advice: advice.into() }
    }

    /// The error of a file or a folder.
    pub(super) fn of_file(path: &Path, error: &std::io::Error) -> Self {
        let what = OpenError::of_file(path, error).to_string();
        Self::refused(what, "Is the folder there, may this user write to it, and is there room?")
    }

    /// The error of reading a file, or that the time was up.
    pub(super) fn of_reading(path: &Path, error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::TimedOut => Self::late(),
            _ => Self::of_file(path, error),
        }
    }

    pub(super) fn late() -> Self {
        Self::refused(
            "it took longer than it may",
            "Give it more time with --time-limit, or find out what is slow",
        )
    }
}
