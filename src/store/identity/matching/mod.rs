//! Merge suggestions, updated as customers arrive.
//!
//! Every transaction that changes the data of a record adds a row to `match_queue`, with the new
//! revision of the record. A batch takes some rows off the queue in these steps, each of which
//! reads without locks and writes in one short transaction:
//!
//! 1. read the rows, then the records; update their keys and the counts of their values;
//! 2. compare them with all that share a key with them; write the suggestions;
//! 3. merge what a rule merges;
//! 4. update which suggestions are listed, and take the rows off the queue.
//!
//! What may happen in between:
//!
//! - A change commits after its record was read. It has added another row with a higher revision,
//!   which step 4 does not take off: the record is processed again. A row is read before its
//!   record, so that the record is never older than the row.
//! - Two similar records arrive at the same time. Each is in `match_keys` before it is compared, so
//!   that the one compared later meets the other.
//! - Several servers work at the same time. Each transaction continues the generation at which the
//!   batch began (`state`): of two that do, one finds another generation, writes nothing, and
//!   starts again. So there is one writer at a time, who knows what all before have written.
//! - A process ends between the steps. The rows are still on the queue, and each step can be
//!   repeated: the counts are updated from what each record contributed before, which is stored.
//!
//! No transaction of a batch locks a customer, and of those that lock customers only an erasure
//! writes the tables of matching (the others add rows to the queue). It takes its turn immediately
//! after those locks (`forget`), so that no deadlock is possible.

mod candidates;
mod compare;
mod forget;
mod index;
mod listed;
pub mod pairs;
mod people;
pub mod results;
mod rows;
mod rules;
mod state;
mod statements;
mod whole;

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use crate::{
    error::Error,
    metrics::Job,
    model::MergeRule,
    store::{
        Store,
        sql::{attempt::attempt, bulk::Column, db::on_db},
    },
};
use results::{BEGIN, listed_columns, write};
use state::State;
use statements::{QUEUE, REMOVE_WORK, SET_LISTED};

pub use whole::{Step, Suggested, TopSuggestion};

pub(in crate::store) use compare::{least_rank, probability};
pub(in crate::store) use forget::forget;
pub(in crate::store) use listed::Standing;
pub(in crate::store) use statements::{ADD_WORK, REASONS_OF, TEXTS, TWINS};

/// How many rows of the queue a batch takes.
const BATCH: i64 = 64;

/// The interval at which work of other processes is checked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The result of a batch.
enum Worked {
    /// There is nothing after the start of the batch.
    Nothing,
    /// Another process compares all customers; new work waits.
    HeldByOther,
    /// The number of rows processed, and the last of them.
    Some(usize, (Uuid, i64)),
}

impl Store {
    /// Processes the queue until it is empty. Returns the number of changes processed. Stops if
    /// another process compares all customers.
    pub async fn match_all(&self, rules: &[MergeRule]) -> Result<usize, Error> {
        self.match_waiting(rules, false).await
    }

    /// Processes the queue whenever there is work. Uses half a processor at most. Errors are logged
    /// and retried. Never returns.
    pub async fn keep_matched(self, rules: Vec<MergeRule>) {
        loop {
            let matched = self.match_waiting(&rules, true).await;
            let succeeded = matches!(matched, Ok(_) | Err(Error::Conflict));
            self.metrics.jobs.note(Job::Matching, succeeded, self.clock.now());
            match matched {
                Ok(_) => {}
                // Another process is working on it.
                Err(Error::Conflict) => {}
                Err(error) => tracing::warn!(%error, detail = ?error, "cannot compare customers"),
            }
            let written = self.signals.queued.notified();
            // A timeout is not an error: other processes may have written.
            let _ = tokio::time::timeout(LOOK_EVERY, written).await;
        }
    }

    async fn match_waiting(
        &self,
        rules: &[MergeRule],
        in_background: bool,
    ) -> Result<usize, Error> {
        let mut after = BEGIN;
        let mut done = 0;
        loop {
            let started_at = self.clock.now();
            match self.match_batch(after, rules).await {
                Err(Error::Conflict) if !in_background => tokio::task::yield_now().await,
                Err(error) => return Err(error),
                Ok(Worked::HeldByOther) => return Ok(done),
                Ok(Worked::Nothing) if after == BEGIN => return Ok(done),
                // New work for earlier customers.
                Ok(Worked::Nothing) => after = BEGIN,
                Ok(Worked::Some(rows, last)) => {
                    done += rows;
                    after = last;
                    if in_background {
                        let taken = self.clock.now().saturating_sub(started_at);
                        let pause = Duration::from_micros(u64::try_from(taken).unwrap_or(0));
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
    }

    /// Processes the next rows after one, in a task that is never cancelled.
    async fn match_batch(&self, after: (Uuid, i64), rules: &[MergeRule]) -> Result<Worked, Error> {
        let (store, rules) = (self.clone(), rules.to_vec());
        attempt(move || {
            let (store, rules) = (store.clone(), rules.clone());
            async move { store.try_match(after, &rules).await }
        })
        .await
    }

    async fn try_match(&self, after: (Uuid, i64), rules: &[MergeRule]) -> Result<Worked, Error> {
        let db = &self.db;
        let work: Vec<(Uuid, i64)> = on_db!(db, |c| {
            let query = sqlx::query_as(QUEUE).bind(after.0).bind(BATCH).bind(after.1);
            query.fetch_all(c).await?
        });
        let Some(last) = work.last().copied() else { return Ok(Worked::Nothing) };
        let mut state = State::read(db).await?;
        if state.is_held(self.clock.now()) {
            return Ok(Worked::HeldByOther);
        }
        let ids: BTreeSet<Uuid> = work.iter().map(|(id, _)| *id).collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let subjects = people::load(db, &ids).await?;

        index::index(db, &mut state, &subjects).await?;
        let compared = compare::compare(db, &state, subjects, rules).await?;
        let pairs = compared.found.iter().map(|found| found.pair).chain(compared.gone.clone());
        let touched: BTreeSet<Uuid> =
            pairs.flat_map(|(one, other)| [one, other]).chain(ids).collect();
        write(db, self.clock, &mut state, compared.found, compared.gone).await?;
        self.merge_by_rule(compared.by_rule).await?;

        let standing = Standing::read(db, touched.into_iter()).await?;
        let rows = work.len();
        let (ids, revisions) = work.into_iter().unzip();
        let mut tx = state.begin(db, 0).await?;
        tx.apply(SET_LISTED, listed_columns(standing.changes())).await?;
        tx.apply(REMOVE_WORK, vec![Column::Ids(ids), Column::Integers(revisions)]).await?;
        tx.commit().await?;
        Ok(Worked::Some(rows, last))
    }

    /// Notifies the matcher of this process that there may be work.
    pub(in crate::store) fn notify_matcher(&self) {
        self.signals.queued.notify_one();
    }
}
