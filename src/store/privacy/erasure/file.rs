//! The erasure ledger: a file outside of the database with a line of JSON for each erasure, so that
//! they can be repeated after a restore. It contains ids and keyed hashes, and no personal data.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tombstones::Hashes;
use crate::{
    error::Error,
    model::{Erasure, Micros},
};

/// An erasure in the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    pub erasure_id: Uuid,
    /// Microseconds since 1970 UTC.
    pub erased_at: Micros,
    pub records: Vec<Uuid>,
    /// The id of the key of the hashes.
    pub key: String,
    pub names: Vec<String>,
    pub identifiers: Vec<String>,
}

impl Line {
    pub fn of(erasure: &Erasure, hashes: &Hashes, key: String) -> Self {
        Self {
            erasure_id: erasure.id,
            erased_at: erasure.erased_at,
            records: erasure.records.clone(),
            key,
            names: hashes.names.iter().cloned().collect(),
            identifiers: hashes.identifiers.iter().cloned().collect(),
        }
    }

    pub fn hashes(&self) -> Hashes {
        Hashes {
            names: self.names.iter().cloned().collect(),
            identifiers: self.identifiers.iter().cloned().collect(),
        }
    }
}

/// The erasure ledger. The file is created with the first erasure.
#[derive(Debug)]
pub struct ErasureFile {
    path: PathBuf,
}

impl ErasureFile {
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path })
    }

    /// Appends lines, and waits until they are durable.
    pub(super) async fn append(self: &Arc<Self>, lines: Vec<Line>) -> Result<(), Error> {
        let file = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || append(&file.path, &lines));
        let written = task.await.map_err(|_| Error::Internal("a file task failed".to_owned()))?;
        written.map_err(|error| self.unfit(&error))
    }

    /// The ids of its erasures; none if there is no file.
    pub async fn ids(self: &Arc<Self>) -> Result<BTreeSet<Uuid>, Error> {
        Ok(self.read().await?.into_iter().map(|line| line.erasure_id).collect())
    }

    /// All lines; none if there is no file.
    pub(super) async fn read(self: &Arc<Self>) -> Result<Vec<Line>, Error> {
        let file = Arc::clone(self);
        let task = tokio::task::spawn_blocking(move || read(&file.path));
        let read = task.await.map_err(|_| Error::Internal("a file task failed".to_owned()))?;
        read.map_err(|error| self.unfit(&error))
    }

    fn unfit(&self, error: &io::Error) -> Error {
        Error::Unavailable(format!("the file of erasures {}: {error}", self.path.display()))
    }
}

fn append(path: &Path, lines: &[Line]) -> io::Result<()> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    // Other processes of this machine may write to it too.
    file.lock()?;
    cut_torn_line(&mut file)?;
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    file.write_all(&text)?;
    file.sync_all()?;
    if is_new && let Some(folder) = path.parent() {
        // The name of the file must be as durable as the file.
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

/// Removes the incomplete line of a process that ended while writing: its transaction was not
/// committed.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut whole = length;
    let mut byte = [0];
    while whole > 0 {
        file.seek(SeekFrom::Start(whole - 1))?;
        file.read_exact(&mut byte)?;
        if byte == *b"\n" {
            break;
        }
        whole -= 1;
    }
    if whole < length { file.set_len(whole) } else { Ok(()) }
}

fn read(path: &Path) -> io::Result<Vec<Line>> {
    let mut text = Vec::new();
    match File::open(path) {
        Ok(mut file) => {
            file.lock_shared()?;
            file.read_to_end(&mut text)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    let lines = text[..whole].split(|byte| *byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|_| {
                let advice = format!("line {} is not an erasure", index + 1);
                io::Error::new(io::ErrorKind::InvalidData, advice)
            })
        })
        .collect()
}
