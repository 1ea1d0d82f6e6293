//! Retention: what is older than the rules keep is removed, record by record and a few entries at
//! a time, under the locks of the person. Nobody who is restricted or held loses anything, and
//! nothing goes that belongs to an open case or an unsettled promise.

mod look;
mod remove;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::sleep;
use uuid::Uuid;

use super::{Store, attempt::attempt, bulk::Batch, db::on_db, dialect::Kind, person};
use crate::{
    error::Error,
    metrics::Job,
    model::{Channel, Micros, RetentionRules},
};
use look::Look;

/// Records behind one that may lose something, each with the time of its oldest entry.
const RECORDS: &str = "select c.id, (select min(e.occurred_at) from entries e \
        where e.customer_id = c.id) from customers c \
    where c.id > $1 and not c.restricted and not c.held order by c.id limit 500";

/// How long the task of a server rests: behind some entries that it has removed, behind some
/// records it has looked at, and when it is through.
const REST: Duration = Duration::from_secs(1);
const PACE: Duration = Duration::from_millis(50);
const PAUSE: Duration = Duration::from_secs(3600);

/// How to go through all customers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sweep {
    /// Looks what would go, and leaves it.
    DryRun,
    /// Removes it, as fast as it goes.
    AtOnce,
    /// Removes it, a few entries a second.
    Gently,
}

/// What went, or would go, by a rule on a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The number of the rule, from 0.
    pub rule: usize,
    /// None: what the server itself tells.
    pub channel: Option<Channel>,
    pub entries: u64,
    /// When the oldest of them happened.
    pub oldest: Micros,
}

/// How far a sweep has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub records: u64,
    pub entries: u64,
}

/// A few entries of a record: what went of them, and where to go on.
#[derive(Debug, Default)]
struct Step {
    gone: Vec<(usize, Option<Channel>, Micros)>,
    next: Option<(Micros, Uuid)>,
}

/// Every statement, with a name, for the test that prepares them.
pub(super) fn statements(kind: Kind) -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("retention.records", RECORDS.to_owned()),
        ("retention.words", remove::WORDS.on(kind).to_owned()),
    ];
    let texts = look::TEXTS.into_iter().chain(remove::TEXTS);
    all.extend(texts.map(|(name, text)| (name, text.to_owned())));
    all
}

impl Store {
    /// Removes what is due by the rules, for ever.
    pub async fn keep_retention(self, rules: RetentionRules) {
        loop {
            let swept = self.sweep(&rules, Sweep::Gently, |_| {}).await;
            self.metrics.jobs.note(Job::Retention, swept.is_ok(), self.clock.now());
            match swept {
                Ok(gone) => {
                    let entries: u64 = gone.iter().map(|it| it.entries).sum();
                    if entries > 0 {
                        tracing::info!(entries, "removed by the rules of retention");
                    }
                }
                Err(error) => tracing::warn!(%error, detail = ?error, "retention stopped"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Goes through all customers once: what went by each rule and channel. What comes to be due
    /// meanwhile is left to the next time.
    pub async fn sweep(
        &self,
        rules: &RetentionRules,
        how: Sweep,
        mut progress: impl FnMut(Swept),
    ) -> Result<Vec<Gone>, Error> {
        let Some(shortest) = rules.shortest() else { return Ok(Vec::new()) };
        let now = self.clock.now();
        let bound = now.saturating_sub(shortest);
        let rules = Arc::new(rules.clone());
        let mut tally: BTreeMap<(usize, Option<Channel>), Gone> = BTreeMap::new();
        let mut swept = Swept::default();
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
                    swept.entries += step.gone.len() as u64;
                    count(&mut tally, &step.gone);
                    progress(swept);
                    if how == Sweep::Gently && !step.gone.is_empty() {
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

    /// Some entries of a record, in a task that no caller cancels.
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
            // Restricted, held or gone since it was listed; or busy, and there is a next time.
            Err(
                Error::CustomerRestricted
                | Error::CustomerHeld
                | Error::CustomerNotFound
                | Error::LostRace,
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
        // All records of the person: a case that an entry belongs to may be another record's.
        let locked = person::lock(&mut tx, &[record]).await?;
        locked.refuse_held()?;
        let mut look = Look::new(rules, now);
        let (due, next) = look.due(&mut tx, record, behind).await?;
        let gone = due.iter().map(|it| (it.rule, it.channel, it.occurred_at)).collect();
        let step = Step { gone, next };
        if how == Sweep::DryRun || due.is_empty() {
            // What was not written is not committed.
            return Ok(step);
        }
        let mut batch = Batch::default();
        remove::remove(&mut tx, &mut batch, self.clock, record, due).await?;
        let revision = locked.held.get(&record).map_or(0, |held| held.revision);
        batch.set_revision(record, revision + 1);
        batch.write(&mut tx).await?;
        tx.commit().await?;
        Ok(step)
    }
}

fn count(
    tally: &mut BTreeMap<(usize, Option<Channel>), Gone>,
    gone: &[(usize, Option<Channel>, Micros)],
) {
    for (rule, channel, at) in gone {
        let (rule, channel) = (*rule, *channel);
        let none = Gone { rule, channel, entries: 0, oldest: *at };
        let counted = tally.entry((rule, channel)).or_insert(none);
        counted.entries += 1;
        counted.oldest = counted.oldest.min(*at);
    }
}
