//! The manifest of a backup, in the file `backup.json` of its folder.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    time::Instant,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{BackupError, Facts};
use crate::{domain::audit::hex, model::Micros};

pub const NAME: &str = "backup.json";
/// The format version of the manifest.
pub const FORMAT: u32 = 1;
/// The largest manifest.
const MAX_BYTES: u64 = 1 << 20;
/// How much of a file is read at once, in bytes.
const PIECE: usize = 1 << 20;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version of the program that made the backup.
    pub version: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// The backup contains everything acknowledged before this time.
    #[serde(with = "time")]
    pub created_at: Micros,
    pub facts: Facts,
    /// None if no ledger was kept.
    pub ledger: Option<LedgerPosition>,
    pub files: Vec<Content>,
}

/// The minimum state of the erasure ledger, which is not part of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerPosition {
    pub path: String,
    pub erasures: usize,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub name: String,
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl Manifest {
    pub fn text(&self) -> io::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the manifest of a folder. A folder without one is not a backup.
    pub fn read(folder: &Path) -> Result<Self, BackupError> {
        let (shown, path) = (folder.display(), folder.join(NAME));
        let text = match File::open(&path).and_then(|file| {
            let mut text = String::new();
            file.take(MAX_BYTES).read_to_string(&mut text).map(|_| text)
        }) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!("{shown} is no whole backup: it has no {NAME}");
                let advice = "Name the folder of a backup. One without that file was cut short";
                return Err(BackupError::refused(what, advice));
            }
            Err(error) => return Err(BackupError::of_file(&path, &error)),
        };
        let advice = "Take another backup";
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let unreadable = |_| BackupError::refused(format!("{shown}: {NAME} is damaged"), advice);
        let Form { format } = serde_json::from_str(&text).map_err(unreadable)?;
        if format != FORMAT {
            let what = format!("{shown} is a backup of form {format}");
            return Err(BackupError::refused(what, "Use the version that made it, or a newer one"));
        }
        serde_json::from_str(&text).map_err(unreadable)
    }

    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl Content {
    /// Describes a file. Fails with `TimedOut` when the time is up.
    pub fn of(path: &Path, name: &str, until: Instant) -> io::Result<Self> {
        Self::copied(path, name, until, &mut io::sink())
    }

    /// Copies a file while describing it, until the time is up.
    pub fn copied(
        path: &Path,
        name: &str,
        until: Instant,
        to: &mut impl Write,
    ) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        let mut piece = vec![0; PIECE];
        loop {
            if Instant::now() >= until {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let read = file.read(&mut piece)?;
            if read == 0 {
                let hash: [u8; 32] = hash.finalize().into();
                return Ok(Self { name: name.to_owned(), bytes, sha256: hex(&hash) });
            }
            hash.update(&piece[..read]);
            to.write_all(&piece[..read])?;
            bytes += read as u64;
        }
    }

    /// Refuses a file that differs from the one that was written.
    pub fn ensure_is(&self, found: &Self, folder: &Path) -> Result<(), BackupError> {
        if self == found {
            return Ok(());
        }
        let what = format!("{}: {} is not what was written", folder.display(), self.name);
        Err(BackupError::refused(what, "It was changed, or its disk fails: take another backup"))
    }

    /// Refuses if the file of a folder is missing or has another length. Its content is not read.
    pub fn ensure_there(&self, folder: &Path) -> Result<(), BackupError> {
        let bytes = fs::metadata(folder.join(&self.name)).map_or(0, |file| file.len());
        self.ensure_is(&Self { bytes, ..self.clone() }, folder)
    }
}

/// Times in RFC 3339.
mod time {
    use jiff::Timestamp;
    use serde::{Deserialize as _, Deserializer, Serializer, de, ser};

    use crate::model::Micros;

    pub fn serialize<S: Serializer>(time: &Micros, to: S) -> Result<S::Ok, S::Error> {
        let time = Timestamp::from_microsecond(*time).map_err(ser::Error::custom)?;
        to.collect_str(&time)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Micros, D::Error> {
        let text = String::deserialize(from)?;
        let time: Timestamp = text.parse().map_err(de::Error::custom)?;
        Ok(time.as_microsecond())
    }
}
