//! Retention: removes what is older than the rules keep, record by record and a few entries at a
//! time, under the locks of the person. Customers who are restricted or on hold lose nothing, and
//! nothing is removed that belongs to an open case or an unsettled promise.

mod remove;
mod scan;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    error::Error,
    metrics::Job,
    model::{Channel, Micros, RetentionRules},
    store::{
        Store,
        identity::person,
        sql::{attempt::attempt, bulk::Batch, db::on_db, statement::Kind},
    },
};
use scan::RetentionScan;

/// Records after one that may lose something, each with the time of its oldest entry.
const RECORDS: &str = "select c.id, (select min(e.occurred_at) from entries e \
        where e.customer_id = c.id) from customers c \
    where c.id > $1 and not c.restricted and not c.held order by c.id limit 500";

/// The pauses of the background job: after removing entries, after some records, and after a sweep.
const REST: Duration = Duration::from_secs(1);
const PACE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(3600);

/// How to sweep all customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Reports what would be removed.
    DryRun,
    /// Removes as fast as possible.
    AtOnce,
    /// Removes a few entries a second.
    Gently,
}

/// What was or would be removed by a rule on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemovalReport {
    /// The index of the rule.
    pub rule: usize,
    /// None: entries of the server itself.
    pub channel: Option<Channel>,
    pub entries: u64,
    /// When the oldest of them occurred.
    pub oldest: Micros,
}

/// The progress of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepProgress {
    pub records: u64,
    pub entries: u64,
}

/// A few entries of a record: what was removed, and where to continue.
#[derive(Debug, Default)]
struct Step {
    removed: Vec<(usize, Option<Channel>, Micros)>,
    next: Option<(Micros, Uuid)>,
}

/// All statements by name, for the test that prepares them.
pub fn statements(kind: Kind) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("retention.records", RECORDS.to_owned()),
        ("retention.words", remove::WORDS.on(kind).to_owned()),
    ];
    let texts = scan::TEXTS.into_iter().chain(remove::TEXTS);
    all.extend(texts.map(|(name, text)| (name, text.to_owned())));
    all
}

impl Store {
    /// Sweeps periodically by the rules. Never returns.
    pub async fn keep_retention(self, rules: RetentionRules) {
        loop {
            let swept = self.sweep(&rules, Sweep::Gently, |_| {}).await;
            self.metrics.jobs.note(Job::Retention, swept.is_ok(), self.clock.now());
            match swept {
                Ok(removed) => {
                    let entries: u64 = removed.iter().map(|it| it.entries).sum();
                    if entries > 0 {
                        tracing::info!(entries, "removed by the retention rules");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, detail = ?error, "cannot apply the retention rules");
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Sweeps all customers once, and returns what was removed by each rule and channel. What falls
    /// due meanwhile is left to the next sweep.
    pub async fn sweep(
        &self,
        rules: &RetentionRules,
        how: Sweep,
        mut progress: impl FnMut(SweepProgress),
    ) -> Result<Vec<RemovalReport>, Error> {
        let Some(shortest) = rules.shortest() else { return Ok(Vec::new()) };
        let now = self.clock.now();
        let bound = now.saturating_sub(shortest);
        let rules = Arc::new(rules.clone());
        let mut tally: BTreeMap<(usize, Option<Channel>), RemovalReport> = BTreeMap::new();
        let mut swept = SweepProgress::default();
        let mut after = Uuid::nil();
        loop {
            let records: Vec<(Uuid, Option<Micros>)> =
                on_db!(&self.db, |c| { sqlx::query_as(RECORDS).bind(after).fetch_all(c).await? });
            let Some((last, _)) = records.last() else { break };
            after = *last;
            for (record, oldest) in &records {
                swept.records += 1;
                if oldest.is_none_or(|oldest| oldest >= bound) {
                    continue;
                }
                let mut behind = Some((Micros::MIN, Uuid::nil()));
                while let Some(place) = behind {
                    let step = self.step(*record, place, &rules, now, how).await?;
                    behind = step.next;
                    swept.entries += step.removed.len() as u64;
                    count(&mut tally, &step.removed);
                    progress(swept);
                    if how == Sweep::Gently && !step.removed.is_empty() {
                        sleep(REST).await;
                    }
                }
            }
            progress(swept);
            if how == Sweep::Gently {
                sleep(PACE).await;
            }
        }
        Ok(tally.into_values().collect())
    }

    /// Processes some entries of a record, in a task that is never cancelled.
    async fn step(
        &self,
        record: Uuid,
        behind: (Micros, Uuid),
        rules: &Arc<RetentionRules>,
        now: Micros,
        how: Sweep,
    ) -> Result<Step, Error> {
        let (store, rules) = (self.clone(), Arc::clone(rules));
        let run = move || {
            let (store, rules) = (store.clone(), Arc::clone(&rules));
            async move { store.try_step(record, behind, &rules, now, how).await }
        };
        match attempt(run).await {
            // Restricted, on hold or gone since it was listed; or busy, and retried by the next
            // sweep.
            Err(
                Error::CustomerRestricted
                | Error::CustomerOnHold
                | Error::CustomerNotFound
                | Error::Conflict,
            ) => Ok(Step::default()),
            done => done,
        }
    }

    async fn try_step(
        &self,
        record: Uuid,
        behind: (Micros, Uuid),
        rules: &RetentionRules,
        now: Micros,
        how: Sweep,
    ) -> Result<Step, Error> {
        let mut tx = self.db.begin().await?;
        // All records of the person: the case of an entry may belong to another record.
        let locked = person::lock(&mut tx, &[record]).await?;
        locked.ensure_not_on_hold()?;
        let mut scan = RetentionScan::new(rules, now);
        let (due, next) = scan.due(&mut tx, record, behind).await?;
        let removed = due.iter().map(|it| (it.rule, it.channel, it.occurred_at)).collect();
        let step = Step { removed, next };
        if how == Sweep::DryRun || due.is_empty() {
            // Nothing was written, so nothing is committed.
            return Ok(step);
        }
        let mut batch = Batch::default();
        remove::remove(&mut tx, &mut batch, self.clock, record, due).await?;
        let revision = locked.records.get(&record).map_or(0, |held| held.revision);
        batch.set_revision(record, revision + 1);
        batch.write(&mut tx).await?;
        tx.commit().await?;
        Ok(step)
    }
}

fn count(
    tally: &mut BTreeMap<(usize, Option<Channel>), RemovalReport>,
    removed: &[(usize, Option<Channel>, Micros)],
) {
    for (rule, channel, at) in removed {
        let (rule, channel) = (*rule, *channel);
        let none = RemovalReport { rule, channel, entries: 0, oldest: *at };
        let counted = tally.entry((rule, channel)).or_insert(none);
        counted.entries += 1;
        counted.oldest = counted.oldest.min(*at);
    }
}
