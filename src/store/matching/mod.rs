//! Merge suggestions, kept up as customers arrive.
//!
//! Every transaction that changes what is known of a record writes a row of `match_queue`, with the
//! record's new revision. A batch of work takes some rows off it in these steps, each of which
//! reads what it needs without a lock and writes in one short transaction:
//!
//! 1. read the rows, then the records; bring their keys and the counts of their values up to date;
//! 2. compare them with all that share a key with them; write the suggestions;
//! 3. merge what a rule merges;
//! 4. note which suggestions are listed, and take the rows off the queue.
//!
//! What may come in between:
//!
//! - A change commits after its record was read. It has written another row, of a higher revision,
//!   which step 4 does not take off: the record is worked on again. A row is read before its record
//!   is, so that the record is never older than the row.
//! - Two records that are alike arrive at the same time. Each is in `match_keys` before it is
//!   compared, so that whichever is compared later meets the other.
//! - Several servers work at the same time. Each transaction goes on from the generation at which
//!   the batch began (`state`): of two that do, one finds another generation, has written nothing,
//!   and begins anew. So there is one writer at a time, who knows what all before have written.
//! - A process ends between the steps. The rows are still on the queue, and each step does the same
//!   again: the counts go from what each record counted for, which is kept with them.
//!
//! No transaction of a batch locks a customer, and of those that lock customers only an erasure
//! writes the tables of matching (the others add rows to the queue). It takes its turn as the first
//! thing behind those locks (`forget`): neither waits for the other in a circle.

mod candidates;
mod compare;
mod forget;
mod index;
mod listed;
mod people;
mod rows;
mod rules;
mod state;
mod statements;
mod whole;

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use super::{
    Store,
    attempt::attempt,
    bulk::Column,
    db::{Db, on_db},
};
use crate::{clock::Clock, error::Error, metrics::Job, model::MergeRule, story::matching::Reason};
use compare::{Found, PairOf};
use state::State;
use statements::{QUEUE, REMOVE_SUGGESTIONS, REMOVE_WORK, SET_LISTED, SET_SUGGESTIONS};

pub use whole::{Step, Suggested, TopSuggestion};

pub(super) use compare::{least_rank, probability};
pub(super) use forget::forget;
pub(super) use listed::Standing;
pub(super) use statements::{ADD_WORK, REASONS_OF, TEXTS, TWINS};

/// How many rows of the queue a batch takes.
const BATCH: i64 = 64;

/// Where the queue begins.
const BEGIN: (Uuid, i64) = (Uuid::nil(), 0);

/// Work that other processes leave is looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What became of a batch.
enum Worked {
    /// Nothing waits behind where the batch was to begin.
    Nothing,
    /// Somebody else compares all customers, and leaves what comes meanwhile.
    Held,
    /// So many rows; the last of them.
    Some(usize, (Uuid, i64)),
}

impl Store {
    /// Compares whoever waits to be compared, until nobody does. Gives the number of changes that
    /// were looked at. Stops where another process compares all customers.
    pub async fn match_all(&self, rules: &[MergeRule]) -> Result<usize, Error> {
        self.match_waiting(rules, false).await
    }

    /// Does the same whenever there is something to do, until it is dropped. It uses half of a
    /// processor at most. Errors are told in the log, and it tries again.
    pub async fn keep_matched(self, rules: Vec<MergeRule>) {
        loop {
            let matched = self.match_waiting(&rules, true).await;
            let succeeded = matches!(matched, Ok(_) | Err(Error::LostRace));
            self.metrics.jobs.note(Job::Matching, succeeded, self.clock.now());
            match matched {
                Ok(_) => {}
                // Somebody else is at it.
                Err(Error::LostRace) => {}
                Err(error) => tracing::warn!(%error, detail = ?error, "customers not compared"),
            }
            let written = self.signals.queued.notified();
            // An end of the time is no error: other processes may have written.
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
                Err(Error::LostRace) if !in_background => tokio::task::yield_now().await,
                Err(error) => return Err(error),
                Ok(Worked::Held) => return Ok(done),
                Ok(Worked::Nothing) if after == BEGIN => return Ok(done),
                // What came for earlier customers meanwhile.
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

    /// Works on the next rows behind one, in a task that nobody cancels.
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
            return Ok(Worked::Held);
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

    /// Says that there may be work, to whoever keeps suggestions up in this process.
    pub(super) fn notify_matcher(&self) {
        self.signals.queued.notify_one();
    }
}

/// Writes suggestions, and takes back those that are none any more.
async fn write(
    db: &Db,
    clock: Clock,
    state: &mut State,
    found: Vec<Found>,
    gone: Vec<PairOf>,
) -> Result<(), Error> {
    if found.is_empty() && gone.is_empty() {
        return Ok(());
    }
    let now = clock.now();
    let columns = vec![
        Column::Ids(found.iter().map(|found| found.pair.0).collect()),
        Column::Ids(found.iter().map(|found| found.pair.1).collect()),
        Column::Ids(found.iter().map(|_| clock.new_id()).collect()),
        Column::Integers(found.iter().map(|found| found.rank).collect()),
        Column::Texts(found.iter().map(|found| write_reasons(&found.reasons)).collect()),
        Column::Integers(vec![now; found.len()]),
    ];
    let mut tx = state.begin(db, 0).await?;
    tx.apply(REMOVE_SUGGESTIONS, pair_columns(gone)).await?;
    tx.apply(SET_SUGGESTIONS, columns).await?;
    tx.commit().await
}

fn pair_columns(pairs: Vec<PairOf>) -> Vec<Column> {
    let (ones, others) = pairs.into_iter().unzip();
    vec![Column::Ids(ones), Column::Ids(others)]
}

fn listed_columns(changes: Vec<(PairOf, bool)>) -> Vec<Column> {
    let (pairs, listed): (Vec<PairOf>, Vec<bool>) = changes.into_iter().unzip();
    let mut columns = pair_columns(pairs);
    columns.push(Column::Booleans(listed));
    columns
}

/// Reasons as they are stored.
fn write_reasons(reasons: &[Reason]) -> String {
    /// What weighs more weighs no more than that.
    const MOST_BITS: f64 = 1_000.0;
    let row = |it: &Reason| {
        (it.field, it.agreement, it.weight_bits.clamp(-MOST_BITS, MOST_BITS), it.chance)
    };
    let rows: Vec<_> = reasons.iter().map(row).collect();
    // Names and finite numbers: there is nothing in them that JSON cannot hold.
    serde_json::to_string(&rows).unwrap_or_else(|_| "[]".to_owned())
}

/// Stored reasons.
pub(super) fn read_reasons(json: &str) -> Result<Vec<Reason>, Error> {
    let unreadable = |_| Error::Inconsistent { table: "suggestions", column: "reasons" };
    let rows: Vec<(_, _, f64, f64)> = serde_json::from_str(json).map_err(unreadable)?;
    let reason =
        |(field, agreement, weight_bits, chance)| Reason { field, agreement, weight_bits, chance };
    Ok(rows.into_iter().map(reason).collect())
}
