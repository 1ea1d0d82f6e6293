//! Seals outside of the database, which somebody who can change the whole database cannot change.

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
    domain::audit::{self, hex},
    error::Error,
    metrics::Job,
    model::Seal,
    store::Store,
};

/// The interval of seals; a busy server seals more often.
const EVERY: Duration = Duration::from_secs(60);
/// How many seals are written at once.
const PAGE: i64 = 1000;
/// The length of the end of the file that is searched for its last line, in bytes.
const TAIL_BYTES: u64 = 4096;

impl Store {
    /// Seals entries and audit entries each minute, and earlier if many audit entries are due.
    /// Never returns.
    pub async fn keep_audit_sealed(self, file: Option<PathBuf>) {
        let mut outside = file.map(SealsFile::new);
        let mut every = tokio::time::interval(EVERY);
        let mut goes_well = true;
        loop {
            tokio::select! {
                _ = every.tick() => {}
                () = self.auditor.due.notified(), if goes_well => {}
            }
            let entries = self.seal_entries().await.map(Vec::from_iter);
            let audit = self.seal_audit().await;
            let are_sealed = self.report("entries", entries, None).await;
            goes_well = self.report("the audit log", audit, outside.as_mut()).await && are_sealed;
            self.metrics.jobs.note(Job::Sealing, goes_well, self.clock.now());
        }
    }

    /// Seals the rest, once no further calls can come.
    pub async fn seal_last_audit(&self, file: Option<PathBuf>) {
        let entries = self.seal_entries().await.map(Vec::from_iter);
        self.report("entries", entries, None).await;
        let sealed = self.close_log().await.map(Vec::from_iter);
        self.report("the audit log", sealed, file.map(SealsFile::new).as_mut()).await;
    }

    /// Writes seals to the file outside of the database, and always to the process log. Returns
    /// whether everything succeeded.
    async fn report(
        &self,
        what: &str,
        sealed: Result<Vec<Seal>, Error>,
        outside: Option<&mut SealsFile>,
    ) -> bool {
        let is_sealed = sealed.is_ok();
        match sealed {
            // What is not sealed now is sealed next time.
            Err(error) => tracing::warn!(cause = error.cause(), "{what}: cannot seal"),
            Ok(seals) => {
                for seal in seals {
                    let (number, chain) = (seal.number, hex(&seal.chain));
                    tracing::info!(number, %chain, "sealed {what}");
                }
            }
        }
        let Some(file) = outside else { return is_sealed };
        match file.add_missing(self).await {
            Ok(()) => is_sealed,
            Err(error) => {
                tracing::warn!(
                    cause = error.cause(),
                    "cannot write the seals outside of the database"
                );
                false
            }
        }
    }
}

/// A file with a seal per line, to which seals are appended.
#[derive(Debug)]
pub struct SealsFile {
    path: PathBuf,
    /// The number of its last seal, once known.
    last: Option<i64>,
}

impl SealsFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path, last: None }
    }

    /// Appends the seals of a database that the file lacks.
    pub async fn add_missing(&mut self, store: &Store) -> Result<(), Error> {
        loop {
            let last = match self.last {
                Some(last) => last,
                None => {
                    let last = self.find_last().await.map_err(|error| self.failed(&error))?;
                    self.follows(store, last).await?
                }
            };
            let seals = store.seals_behind(last, PAGE).await?;
            let Some(newest) = seals.last().map(|seal| seal.number) else { return Ok(()) };
            // Unknown until everything is written: a retry determines it again.
            self.last = None;
            self.append(&seals).await.map_err(|error| self.failed(&error))?;
            self.last = Some(newest);
        }
    }

    fn failed(&self, error: &io::Error) -> Error {
        Error::Unavailable(format!("{}: {error}; see audit_seals", self.path.display()))
    }

    /// The number of the last seal of the file, which must be a seal of the database: if an older
    /// state of the database was restored, new seals would not follow it.
    async fn follows(&self, store: &Store, last: Option<Seal>) -> Result<i64, Error> {
        let Some(last) = last else { return Ok(0) };
        let same = store.seals_behind(last.number.saturating_sub(1), 1).await?;
        if same.first() == Some(&last) {
            return Ok(last.number);
        }
        let (file, number) = (self.path.display(), last.number);
        Err(Error::Unavailable(format!(
            "{file}: its last seal, {number}, is none of the database; name another file in \
             audit_seals, and keep this one to verify by"
        )))
    }

    /// The last complete line; a truncated line is terminated.
    async fn find_last(&self) -> io::Result<Option<Seal>> {
        let mut file = self.open().await?;
        let bytes = file.metadata().await?.len();
        file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES))).await?;
        let mut tail = String::new();
        file.read_to_string(&mut tail).await?;
        if !tail.is_empty() && !tail.ends_with('\n') {
            file.write_all(b"\n").await?;
            file.sync_data().await?;
        }
        Ok(tail.lines().rev().find_map(audit::read_line))
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
