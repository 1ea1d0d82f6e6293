//! The files of an SQLite database, and the checks before they are opened.
//!
//! SQLite creates a new database for a missing file, and replays whatever log is beside it. So the
//! files are checked before SQLite opens them.

mod lock;
mod mark;
mod open_file;
mod quick_check;
mod wal;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::store::{
    opening::{OpenError, Opening},
    paths::{beside, has_content, log_of, resolved},
};
use wal::Belongs;

pub use lock::{Held, StoreLock, UnderWay};
pub use mark::{COUNT, name_page};
pub use open_file::OpenFile;
pub use quick_check::{INTEGRITY_CHECK, QUICK_CHECK, first_fault};

/// How often a log that does not seem to belong to its file is compared with it: an older version
/// without a lock may have both open.
const TRIES: usize = 3;

/// Which files have to be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    Nothing,
    /// Only the audit log.
    Audit,
    Database,
}

/// The files of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub database: PathBuf,
    pub audit: PathBuf,
    lock: PathBuf,
}

impl Files {
    /// The files of a URL; None for PostgreSQL, and for SQLite in memory.
    pub fn of(url: &str) -> Option<Self> {
        let name = url.strip_prefix("sqlite:")?;
        let name = name.strip_prefix("//").unwrap_or(name);
        let database = PathBuf::from(name);
        (name != ":memory:").then(|| Self {
            audit: beside(&database, "-audit"),
            // A file has one lock, whatever name it is opened by.
            lock: beside(&resolved(&database), "-lock"),
            database,
        })
    }

    /// Files that only an earlier database can have left.
    pub fn traces(&self, opening: &Opening) -> Vec<PathBuf> {
        let database = resolved(&self.database);
        let mut places = vec![beside(&database, "-wal"), beside(&database, "-shm")];
        places.extend([self.audit.clone(), beside(&resolved(&self.audit), "-wal")]);
        places.retain(|path| has_content(path));
        places.extend(opening.traces());
        // A link shows where the file was, for example on a volume that is not mounted.
        let links = [&self.database, &self.audit];
        places
            .extend(links.into_iter().filter(|path| path.is_symlink() && !path.exists()).cloned());
        places
    }
}

impl Files {
    /// Takes the lock of the database.
    pub async fn lock(&self) -> Result<Held, OpenError> {
        let taken = StoreLock::take(&self.lock).await.map_err(|error| self.no_lock(&error))?;
        taken.ok_or_else(|| OpenError::Busy { file: self.database.clone() })
    }

    /// Whether a process has them open.
    pub fn are_open(&self) -> Result<bool, OpenError> {
        StoreLock::is_held(&self.lock).map_err(|error| self.no_lock(&error))
    }

    /// Whether a crash has left a log beside one of them. A log that does not belong to its file is
    /// refused.
    pub fn has_logs(&self) -> Result<bool, OpenError> {
        let mut has_logs = false;
        for file in [&self.database, &self.audit] {
            has_logs |= has_log(file)?;
        }
        Ok(has_logs)
    }

    pub fn lock_path(&self) -> &Path {
        &self.lock
    }

    /// The error for a lock that cannot be taken.
    pub fn no_lock(&self, error: &io::Error) -> OpenError {
        OpenError::of_file(&self.lock, error)
    }

    /// Refuses if a file is missing that others have open.
    pub fn ensure_there(&self) -> Result<(), OpenError> {
        match [&self.database, &self.audit].into_iter().find(|file| !has_content(file)) {
            None => Ok(()),
            Some(file) => Err(OpenError::Gone { file: file.clone() }),
        }
    }

    /// Checks the files, which nobody has open, and returns which have to be created. `under_way`
    /// is what was begun with them and not completed.
    pub async fn look(
        &self,
        opening: &Opening,
        under_way: Option<UnderWay>,
    ) -> Result<Missing, OpenError> {
        if under_way == Some(UnderWay::Restoring) {
            return Err(self.restore_cut_short());
        }
        let was_creating = under_way == Some(UnderWay::Creating);
        let is_there = has_content(&self.database);
        if !is_there && !was_creating && !opening.create {
            let traces = self.traces(opening);
            if !traces.is_empty() {
                return Err(OpenError::Lost { file: self.database.clone(), traces });
            }
        }
        if !is_there || was_creating {
            return Ok(Missing::Database);
        }
        if self.has_logs()? && !opening.check_limit.is_zero() {
            let files = [self.database.as_path(), self.audit.as_path()];
            quick_check::check(&files, opening.check_limit).await?;
        }
        Ok(if has_content(&self.audit) { Missing::Nothing } else { Missing::Audit })
    }

    /// Takes the lock to read an existing database without migrating it. Files that do not belong
    /// together are refused.
    pub async fn lock_to_read(&self) -> Result<StoreLock, OpenError> {
        loop {
            let mut lock = match self.lock().await? {
                Held::Alone(lock) => lock,
                Held::Shared(lock) => return self.ensure_there().map(|()| lock),
            };
            let under_way = lock.under_way().map_err(|error| self.no_lock(&error))?;
            if under_way == Some(UnderWay::Restoring) {
                return Err(self.restore_cut_short());
            }
            self.has_logs()?;
            if let Some(lock) = lock.share().map_err(|error| self.no_lock(&error))? {
                return Ok(lock);
            }
        }
    }

    /// Takes the lock to change the files themselves. None if somebody has them open.
    pub fn lock_alone(&self) -> Result<Option<StoreLock>, OpenError> {
        StoreLock::take_alone(&self.lock).map_err(|error| self.no_lock(&error))
    }

    /// Refuses if a restore is incomplete or in progress.
    pub fn ensure_restored(&self) -> Result<(), OpenError> {
        match StoreLock::under_way_at(&self.lock).map_err(|error| self.no_lock(&error))? {
            Some(UnderWay::Restoring) => Err(self.restore_cut_short()),
            _ => Ok(()),
        }
    }

    fn restore_cut_short(&self) -> OpenError {
        OpenError::RestoreCutShort { file: self.database.clone(), lock: self.lock.clone() }
    }

    /// The database and the audit log, with links resolved.
    pub fn resolved(&self) -> [PathBuf; 2] {
        [resolved(&self.database), resolved(&self.audit)]
    }
}

/// Whether a crash has left a log beside a file. A log that does not belong to it is refused.
fn has_log(file: &Path) -> Result<bool, OpenError> {
    let (file, log) = (resolved(file), log_of(file));
    if !has_content(&log) {
        return Ok(false);
    }
    for _ in 0..TRIES {
        let found = wal::belongs(&file, &log).map_err(|error| OpenError::of_file(&file, &error))?;
        if found != Belongs::No {
            return Ok(true);
        }
    }
    Err(OpenError::OtherLog { file, log })
}
