//! The second step of an erasure: work that cannot be done in one transaction. Each part is short
//! and can be repeated.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use super::rows;
use crate::{
    error::Error,
    metrics::Job,
    store::{
        Store,
        identity::customer_search::Unused,
        sql::{
            attempt::attempt,
            db::{Db, Tx, on, on_db, on_tx},
        },
    },
};

const UNFINISHED: &str = "select erasure_id, records from erasures where not is_finished \
    order by erasure_id limit 100";
const SET_FINISHED: &str = "update erasures set is_finished = true where erasure_id = $1";
/// Merges a part of SQLite's search index, measured in pages; a negative number starts a merge of
/// everything, which removes deleted data from the index.
const MERGE_WORDS: &str = "insert into entry_words (entry_words, rank) values ('merge', $1)";
const CHANGES: &str = "select total_changes()";
const CHECKPOINT: &str = "pragma wal_checkpoint(truncate)";

pub(super) const TEXTS: [(&str, &str); 2] =
    [("erasures.unfinished", UNFINISHED), ("erasures.set_finished", SET_FINISHED)];

/// How many pages a transaction merges: a few milliseconds of work.
const PAGES: i64 = 64;
/// A full merge may have to complete an earlier one first, and another one of what was written
/// meanwhile.
const ROUNDS: usize = 3;
/// The interval at which work of other processes is checked for.
const LOOK_EVERY: Duration = Duration::from_secs(60);

impl Store {
    /// Finishes unfinished erasures, and returns their number.
    pub async fn finish_erasures(&self) -> Result<usize, Error> {
        let rows: Vec<(Uuid, String)> =
            on_db!(&self.db, |c| sqlx::query_as(UNFINISHED).fetch_all(c).await?);
        if rows.is_empty() {
            return Ok(0);
        }
        let mut records: Vec<Uuid> = Vec::new();
        for (_, of_erasure) in &rows {
            let unreadable = Error::Inconsistent { table: "erasures", column: "records" };
            let ids: Vec<Uuid> = serde_json::from_str(of_erasure).map_err(|_| unreadable)?;
            records.extend(ids);
        }
        self.remove_strays(records).await?;
        let mut unused = Unused::default();
        while unused.remove_next(self).await? {}
        if matches!(self.db, Db::Sqlite { .. }) {
            self.merge_words().await?;
            self.checkpoint().await?;
        }
        let ids: Vec<Uuid> = rows.into_iter().map(|(id, _)| id).collect();
        let finished = ids.len();
        let store = self.clone();
        attempt(move || {
            let (store, ids) = (store.clone(), ids.clone());
            async move {
                let mut tx = store.db.begin().await?;
                for id in ids {
                    on_tx!(&mut tx, |c| {
                        sqlx::query(SET_FINISHED).bind(id).execute(c).await?;
                    });
                }
                tx.commit().await
            }
        })
        .await?;
        Ok(finished)
    }

    /// Finishes erasures whenever there are any. Errors are logged and retried. Never returns.
    pub async fn keep_erasures_finished(self) {
        loop {
            let finished = self.finish_erasures().await;
            let told = self.write_ledger().await;
            let succeeded = finished.is_ok() && told.is_ok();
            self.metrics.jobs.note(Job::Erasures, succeeded, self.clock.now());
            match finished {
                Ok(0) => {}
                Ok(erasures) => tracing::info!(erasures, "erasures are finished"),
                Err(error) => tracing::warn!(%error, detail = ?error, "cannot finish erasures"),
            }
            // Erasures by other servers must be in this ledger too, for a restore.
            if let Err(error) = told {
                tracing::warn!(%error, detail = ?error, "the erasure ledger lacks erasures");
            }
            let erased = self.signals.erased.notified();
            // A timeout is not an error: other processes may have erased.
            let _ = tokio::time::timeout(LOOK_EVERY, erased).await;
        }
    }

    /// A writer that had read a customer without a lock, for example to add an idempotency key to
    /// an earlier write, may have left a row of the record.
    async fn remove_strays(&self, records: Vec<Uuid>) -> Result<(), Error> {
        let store = self.clone();
        attempt(move || {
            let (store, records) = (store.clone(), records.clone());
            async move {
                let mut tx = store.db.begin().await?;
                rows::remove_by_ids(&mut tx, &records, &mut BTreeMap::new()).await?;
                tx.commit().await
            }
        })
        .await
    }

    /// Merges the search index in parts, so that other writers get a turn.
    async fn merge_words(&self) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            if !self.merge_some_words(-PAGES).await? {
                break;
            }
            while self.merge_some_words(PAGES).await? {}
        }
        Ok(())
    }

    /// Merges some pages. Returns whether there was anything to merge.
    async fn merge_some_words(&self, pages: i64) -> Result<bool, Error> {
        let store = self.clone();
        attempt(move || {
            let store = store.clone();
            async move {
                let mut tx = store.db.begin().await?;
                let Tx::Sqlite(inner) = &mut tx else { return Ok(false) };
                let merged = on!(*inner, |c| {
                    let before: i64 = sqlx::query_scalar(CHANGES).fetch_one(&mut *c).await?;
                    sqlx::query(MERGE_WORDS).bind(pages).execute(&mut *c).await?;
                    let after: i64 = sqlx::query_scalar(CHANGES).fetch_one(c).await?;
                    after - before
                });
                tx.commit().await?;
                // The statement itself counts as one.
                Ok(merged > 1)
            }
        })
        .await
    }

    /// Moves SQLite's write-ahead log to the file, and truncates it. Waits for readers.
    pub(super) async fn checkpoint(&self) -> Result<(), Error> {
        let store = self.clone();
        attempt(move || {
            let store = store.clone();
            async move {
                let Db::Sqlite { write, .. } = &store.db else { return Ok(()) };
                let (busy, _, _): (i64, i64, i64) =
                    on!(write.acquire().await?, |c| sqlx::query_as(CHECKPOINT)
                        .fetch_one(c)
                        .await?);
                let busy = busy != 0;
                if busy {
                    return Err(Error::Unavailable("the log is being read".to_owned()));
                }
                Ok(())
            }
        })
        .await
    }
}
