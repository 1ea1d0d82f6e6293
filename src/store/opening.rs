//! Options for opening a database, and errors of opening it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::migrate::MigrateError;

use crate::{
    error::Error,
    store::paths::{folder, has_content},
};

/// Options for opening a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Create the database even if something is left of an earlier one.
    pub create: bool,
    /// Files outside of the database that have content once it was used.
    pub kept_outside: Vec<PathBuf>,
    /// The time limit for checking files that a process did not close. Zero: no check.
    pub check_limit: Duration,
}

impl Opening {
    /// The files outside of the database that show that it was used.
    pub fn traces(&self) -> Vec<PathBuf> {
        self.kept_outside.iter().filter(|path| has_content(path)).cloned().collect()
    }
}

impl Default for Opening {
    fn default() -> Self {
        Self { create: false, kept_outside: Vec::new(), check_limit: Duration::from_secs(30) }
    }
}

/// Why a database cannot be opened. Each reason needs an operator.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no folder {}", .folder.display())]
    NoFolder { folder: PathBuf },
    #[error("this user may not write {}", .file.display())]
    NotPermitted { file: PathBuf },
    #[error("{} cannot be used: {cause}", .file.display())]
    File { file: PathBuf, cause: String },
    /// An empty database would look like one without customers.
    #[error("{} is missing or empty, but there was a database: {}", .file.display(), list(.traces))]
    Lost { file: PathBuf, traces: Vec<PathBuf> },
    #[error("another process has the database open, but {} is missing or empty", .file.display())]
    Gone { file: PathBuf },
    #[error("another process is creating, checking or restoring {}", .file.display())]
    Busy { file: PathBuf },
    #[error("{} does not belong to {}: that was replaced since", .log.display(), .file.display())]
    OtherLog { file: PathBuf, log: PathBuf },
    #[error("{} is the audit log of another database", .audit.display())]
    OtherAudit { audit: PathBuf },
    /// The files may be of two databases.
    #[error("a restore of {} was begun and not done", .file.display())]
    RestoreCutShort { file: PathBuf, lock: PathBuf },
    #[error("{} is no SQLite database", .file.display())]
    NotADatabase { file: PathBuf },
    #[error("{} is damaged: {fault}", .file.display())]
    Corrupt { file: PathBuf, fault: String },
    #[error(
        "a newer version has changed the tables so that this one cannot use them: they need \
         migration {needs}, and this version knows up to {knows}"
    )]
    NewerTables { needs: i64, knows: i64 },
    #[error("migration {number} of the tables has another text than this version has for it")]
    ChangedMigration { number: i64 },
    #[error("migration {number} of the tables was begun, and is not done")]
    UnfinishedMigration { number: i64 },
    #[error("PostgreSQL does not answer: {cause}")]
    NoServer { cause: String },
    #[error("there is no database {database}")]
    NoDatabase { database: String, user: String },
    #[error("PostgreSQL does not let the role {user} in")]
    NotLetIn { user: String },
    #[error("the role {user} may not connect to the database {database}")]
    MayNotConnect { database: String, user: String },
    #[error("PostgreSQL has no connection left for the role {user}")]
    NoConnectionLeft { user: String },
    #[error("there is no TLS with PostgreSQL: {cause}")]
    NoTls { cause: String },
    #[error("what answers does not speak as PostgreSQL does: {cause}")]
    NotPostgres { cause: String },
    #[error("the URL or the password cannot be used: {cause}")]
    BadUrl { cause: String },
    #[error("the role may not create tables in the database")]
    MayNotCreate,
    #[error("PostgreSQL is a standby here, and accepts no writes")]
    Standby,
    /// A crash would lose acknowledged data.
    #[error("PostgreSQL runs with {setting} off: a crash loses what was acknowledged")]
    Unsafe { setting: &'static str },
    #[error("{}", .0.cause())]
    Store(#[from] Error),
}

impl OpenError {
    /// The error of a file.
    pub fn of_file(file: &Path, error: &io::Error) -> Self {
        let file = file.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoFolder { folder: folder(&file).to_owned() },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::NotPermitted { file }
            }
            _ => Self::File { file, cause: error.to_string() },
        }
    }

    /// The error of a migration.
    pub fn of_migration(error: MigrateError) -> Self {
        match error {
            MigrateError::VersionMismatch(number) => Self::ChangedMigration { number },
            MigrateError::Dirty(number) => Self::UnfinishedMigration { number },
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
                if is_privilege_missing(&error) =>
            {
                Self::MayNotCreate
            }
            error => Self::Store(error.into()),
        }
    }

    /// SQLite's error for a file.
    pub fn of_sqlite(file: &Path, error: &sqlx::Error) -> Self {
        let file = file.to_owned();
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        match code.map(|code| code & 0xff) {
            Some(8) => Self::NotPermitted { file },
            Some(11) => Self::Corrupt { file, fault: "malformed".to_owned() },
            Some(26) => Self::NotADatabase { file },
            Some(code) => Self::File { file, cause: format!("SQLite error {code}") },
            None => Self::File { file, cause: error.to_string() },
        }
    }
}

/// Whether PostgreSQL reports a missing privilege.
fn is_privilege_missing(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|error| error.code()).as_deref() == Some("42501")
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}
