//! The lock of an SQLite database: a file beside it. Processes with the database open hold it
//! shared. A process that creates the database, checks it after a crash or restores a backup holds
//! it exclusively.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// How long to wait for an exclusive holder, and how often to check.
const WAIT: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);

/// What an exclusive holder does with the files. It is written to the lock, so that an interruption
/// is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    Creating,
    /// A restore replaces the files.
    Restoring,
}

impl UnderWay {
    fn of(text: &[u8]) -> Option<Self> {
        [Self::Creating, Self::Restoring].into_iter().find(|it| it.text() == text)
    }

    fn text(self) -> &'static [u8] {
        match self {
            Self::Creating => b"creating\n",
            Self::Restoring => b"restoring\n",
        }
    }
}

/// The lock, held until it is dropped or its process ends in any way.
#[derive(Debug)]
pub struct StoreLock(File);

/// How the lock is held.
#[derive(Debug)]
pub enum Held {
    /// Exclusively: nobody else has the database open.
    Alone(StoreLock),
    Shared(StoreLock),
}

impl StoreLock {
    /// Takes the lock exclusively if nobody holds it, otherwise shared. None if somebody holds it
    /// exclusively for too long.
    pub async fn take(path: &Path) -> io::Result<Option<Held>> {
        let until = Instant::now() + WAIT;
        loop {
            let file = open(path)?;
            if is_locked(file.try_lock())? {
                return Ok(Some(Held::Alone(Self(file))));
            }
            if is_locked(file.try_lock_shared())? {
                return Ok(Some(Held::Shared(Self(file))));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            sleep(EVERY).await;
        }
    }

    /// Whether somebody holds the lock. The file is not created.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        match File::open(path) {
            Ok(file) => Ok(!is_locked(file.try_lock())?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock exclusively. None if somebody holds it.
    pub fn take_alone(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        Ok(is_locked(file.try_lock())?.then_some(Self(file)))
    }

    /// Turns an exclusive lock into a shared one. None if somebody else took it in between, since
    /// the system releases it first.
    pub fn share(self) -> io::Result<Option<Self>> {
        Ok(is_locked(self.0.try_lock_shared())?.then_some(self))
    }

    /// What was begun with the files and not completed.
    pub fn under_way(&mut self) -> io::Result<Option<UnderWay>> {
        let mut text = Vec::new();
        self.0.rewind()?;
        self.0.read_to_end(&mut text)?;
        Ok(UnderWay::of(&text))
    }

    /// What was begun with the files, read without taking the lock; its holder may still be
    /// working.
    pub fn under_way_at(path: &Path) -> io::Result<Option<UnderWay>> {
        match fs::read(path) {
            Ok(text) => Ok(UnderWay::of(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records what is begun, or that it is completed.
    pub fn set_under_way(&mut self, under_way: Option<UnderWay>) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(under_way.map_or(&[], UnderWay::text))?;
        self.0.sync_all()
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    match file {
        // Another user, such as an operator, has created it, or the disk is read-only: reading
        // suffices to lock it.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            File::open(path)
        }
        file => file,
    }
}

fn is_locked(tried: Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
