//! The lock of an SQLite database, a file beside it. Whoever has the database open holds it shared.
//! Whoever creates it, looks at what a crash has left or puts a backup in its place holds it alone.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::Path,
    time::Duration,
};

use tokio::time::{Instant, sleep};

/// How long to wait for whoever holds the lock alone, and how often to look.
const WAIT: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);

/// What is done with the files by whoever holds the lock alone. It stands in the lock, so that it
/// is known where that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnderWay {
    Creating,
    /// The files of a backup take the place of those that were there.
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

/// The lock, held until it is dropped or its process ends, however it does.
#[derive(Debug)]
pub struct StoreLock(File);

/// How the lock was had.
#[derive(Debug)]
pub enum Held {
    /// Nobody has the database open.
    Alone(StoreLock),
    Shared(StoreLock),
}

impl StoreLock {
    /// Takes the lock alone where nobody holds it, or else shared. Nothing where somebody holds it
    /// alone for too long.
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

    /// Whether somebody holds the lock. A file that is not there is not made.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        match File::open(path) {
            Ok(file) => Ok(!is_locked(file.try_lock())?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Takes the lock alone. Nothing where somebody holds it.
    pub fn take_alone(path: &Path) -> io::Result<Option<Self>> {
        let file = open(path)?;
        Ok(is_locked(file.try_lock())?.then_some(Self(file)))
    }

    /// Lets others share a lock that was held alone. Nothing where somebody else has taken it in
    /// between: the system lets go of it first.
    pub fn share(self) -> io::Result<Option<Self>> {
        Ok(is_locked(self.0.try_lock_shared())?.then_some(self))
    }

    /// What was begun with the files and not done.
    pub fn under_way(&mut self) -> io::Result<Option<UnderWay>> {
        let mut text = Vec::new();
        self.0.rewind()?;
        self.0.read_to_end(&mut text)?;
        Ok(UnderWay::of(&text))
    }

    /// The same of a lock that is not taken, which may be that of whoever is at it.
    pub fn under_way_at(path: &Path) -> io::Result<Option<UnderWay>> {
        match fs::read(path) {
            Ok(text) => Ok(UnderWay::of(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Notes what is begun, or that it is done.
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
        // Another user has made it, such as an operator by a command, or the disk takes no writes
        // any more: to lock it reading is enough.
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
