//! The seals outside of the database: what whoever may change all of it cannot change.

use std::{
    io::{self, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _},
};

use crate::{
    error::Error,
    model::Seal,
    store::Store,
    story::audit::{self, hex},
};

/// How often seals are made; where many calls are answered, more often.
const EVERY: Duration = Duration::from_secs(60);
/// How many seals are written at once.
const PAGE: i64 = 1000;
/// The end of the file in which its last line is found, in bytes.
const TAIL_BYTES: u64 = 4096;

impl Store {
    /// Seals accesses each minute and where many are due, for as long as it is not dropped.
    pub async fn keep_accesses_sealed(self, file: Option<PathBuf>) {
        let mut outside = file.map(SealsFile::new);
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.auditor.due.notified() => {}
            }
            let sealed = self.seal_accesses().await;
            self.tell(sealed, outside.as_mut()).await;
        }
    }

    /// Seals what is left, once no call can come any more.
    pub async fn seal_last_accesses(&self, file: Option<PathBuf>) {
        let sealed = self.close_log().await.map(Vec::from_iter);
        self.tell(sealed, file.map(SealsFile::new).as_mut()).await;
    }

    /// Writes seals down outside of the database: into the log always.
    async fn tell(&self, sealed: Result<Vec<Seal>, Error>, outside: Option<&mut SealsFile>) {
        let written = match sealed {
            Err(error) => Err(error),
            Ok(seals) => {
                for seal in seals {
                    let (number, chain) = (seal.number, hex(&seal.chain));
                    tracing::info!(number, %chain, "sealed who looked");
                }
                match outside {
                    Some(file) => file.add_missing(self).await,
                    None => Ok(()),
                }
            }
        };
        if let Err(error) = written {
            // What is not sealed now is sealed next time.
            tracing::warn!(cause = error.cause(), "who looked is not sealed");
        }
    }
}

/// A file that seals are added to, one a line.
#[derive(Debug)]
pub struct SealsFile {
    path: PathBuf,
    /// The number of the last seal in it, once that is known.
    last: Option<i64>,
}

impl SealsFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path, last: None }
    }

    /// Adds the seals of a database that the file does not have.
    pub async fn add_missing(&mut self, store: &Store) -> Result<(), Error> {
        loop {
            let last = match self.last {
                Some(last) => last,
                None => self.find_last().await.map_err(|error| self.failed(&error))?,
            };
            let seals = store.seals_behind(last, PAGE).await?;
            let Some(newest) = seals.last().map(|seal| seal.number) else { return Ok(()) };
            // Unknown until all is written: another try looks again how far it came.
            self.last = None;
            self.append(&seals).await.map_err(|error| self.failed(&error))?;
            self.last = Some(newest);
        }
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::Unavailable(format!("{}: {error}; see audit_seals", self.path.display()))
    }

    /// The number of the last whole line; a line that was cut off is ended.
    async fn find_last(&self) -> io::Result<i64> {
        let mut file = self.open().await?;
        let bytes = file.metadata().await?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES))).await?;
        let mut tail = String::new();
        file.read_to_string(&mut tail).await?;
        if !tail.is_empty() && !tail.ends_with('\n') {
            file.write_all(b"\n").await?;
            file.sync_data().await?;
        }
        let last = tail.lines().rev().find_map(audit::read_line);
        Ok(last.map_or(0, |seal| seal.number))
    }

    async fn append(&self, seals: &[Seal]) -> io::Result<()> {
        let lines: String = seals.iter().map(|seal| audit::line(seal) + "\n").collect();
        let mut file = self.open().await?;
        file.write_all(lines.as_bytes()).await?;
        file.sync_data().await
    }

    async fn open(&self) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).open(&self.path).await
    }
}
