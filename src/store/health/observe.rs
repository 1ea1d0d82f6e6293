//! Metrics of the state of the store, read when they are scraped.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};

use crate::{
    error::Error,
    metrics::Queue,
    store::{
        Store,
        backup::last_backup,
        sql::db::{Db, on_db},
    },
};

/// Restricted customers are excluded: their promises break once the restriction is lifted.
const OVERDUE: &str = "select count(*) from (select 1 from promises p \
    join customers c on c.id = p.customer_id \
    where p.state = 'open' and p.due_at <= $1 and not c.restricted limit 1000) overdue";
const UNFINISHED: &str = "select count(*) from \
    (select 1 from erasures where not is_finished limit 1000) unfinished";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 2] =
    [("promises.count_overdue", OVERDUE), ("erasures.count_unfinished", UNFINISHED)];

/// The time limit for the database. Metrics are exported without what it has not answered by then.
const BOUND: Duration = Duration::from_secs(1);
/// How long a reading is reused, so that frequent scrapes do not load the database.
const FRESH: Duration = Duration::from_secs(5);

/// When the state was last read.
pub type LastObserved = Mutex<Option<Instant>>;

impl Store {
    /// Updates the metrics of the state.
    pub async fn observe(&self) {
        let metrics = &self.metrics.store;
        metrics.waiting(Queue::Recorder, self.recorder.waiting());
        metrics.waiting(Queue::Audit, self.auditor.waiting());
        self.db.count_connections();
        if matches!(self.audit, Db::Sqlite { .. }) {
            self.audit.count_connections();
        }
        let Ok(mut looked_at) = self.looked_at.try_lock() else { return };
        if looked_at.is_some_and(|time| time.elapsed() < FRESH) {
            return;
        }
        self.observe_disks().await;
        if let Ok(Ok(())) = timeout(BOUND, self.observe_rows()).await {
            *looked_at = Some(Instant::now());
        }
    }

    async fn observe_rows(&self) -> Result<(), Error> {
        let metrics = &self.metrics.store;
        let now = self.clock.now();
        let overdue: i64 =
            on_db!(&self.db, |c| sqlx::query_scalar(OVERDUE).bind(now).fetch_one(c).await?);
        metrics.overdue_promises.set(overdue);
        let unfinished: i64 =
            on_db!(&self.db, |c| sqlx::query_scalar(UNFINISHED).fetch_one(c).await?);
        metrics.unfinished_erasures.set(unfinished);
        metrics.unsealed.set(self.auditor.unsealed().await);
        let backup = last_backup(&self.db).await?;
        metrics.last_backup.set(backup.map_or(0, |backup| backup.at / 1_000_000));
        Ok(())
    }

    /// The PostgreSQL database is elsewhere; only the erasure ledger is on this machine.
    async fn observe_disks(&self) {
        let database = self.file.clone().map(|file| ("database", file));
        let ledger = self.erasure_file.as_ref().map(|it| ("erasure_ledger", it.path().to_owned()));
        let files: Vec<(&str, PathBuf)> = database.into_iter().chain(ledger).collect();
        let measured = timeout(
            BOUND,
            tokio::task::spawn_blocking(move || {
                files
                    .into_iter()
                    .filter_map(|(name, file)| Some((name, room(&file)?)))
                    .collect::<Vec<_>>()
            }),
        );
        // A disk that does not answer has no metrics.
        let Ok(Ok(measured)) = measured.await else { return };
        for (name, (free, size)) in measured {
            self.metrics.store.disk(name, free, size);
        }
    }
}

/// The free space for other users than root in the folder of a file, and the total, in bytes.
fn room(file: &Path) -> Option<(u64, u64)> {
    let folder = file.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let found = rustix::fs::statvfs(folder).ok()?;
    Some((found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize))
}
