//! Compares all customers: the first run, and any later one that learns the weights again. Changes
//! that arrive meanwhile wait on the queue.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

use super::{
    Standing,
    compare::{self, Found},
    index,
    pairs::{PairOf, pair},
    people,
    results::{listed_columns, write},
    state::{self, State},
    statements::{
        ADD_WORK, CUSTOMERS, HOLDERS, QUEUE, REFUSED, REMOVE_WORK, SET_LISTED, SUGGESTIONS,
    },
};
use crate::{
    clock::Clock,
    domain::matching::{
        Frequencies, Model, Person, Progress, Reason, SUGGESTION_THRESHOLD, find_pairs,
    },
    error::Error,
    model::MergeRule,
    store::{
        Store,
        sql::{
            attempt::attempt,
            bulk::Column,
            db::{Db, on_db},
        },
    },
};

/// How many rows a statement reads, and a transaction writes.
const PAGE: usize = 1_000;

/// For how many records keys and counts are updated in one transaction.
const RECORDS: usize = 250;

/// How often the run renews its right to write.
const RENEW_EVERY: Duration = Duration::from_secs(30);

/// How many of the likeliest pairs are reported.
const TOP: usize = 10;

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The number of customers read.
    Reading(usize),
    Learning,
    Comparing(Progress),
    /// The number of suggestions written, and their total.
    Writing(usize, usize),
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Suggested {
    pub customers: usize,
    /// The number of pairs compared.
    pub compared: u64,
    pub suggestions: usize,
    /// The likeliest pairs, by their records.
    pub top: Vec<TopSuggestion>,
    pub model: Model,
}

/// One of the likeliest pairs.
#[derive(Clone, Debug)]
pub struct TopSuggestion {
    pub one_id: Uuid,
    pub other_id: Uuid,
    pub probability: f64,
    pub reasons: Vec<Reason>,
}

impl Store {
    /// Compares all customers, with learnt or given weights, which are used from then on. None if
    /// another process is doing so. `rules` are the rules of the servers, which apply them later.
    pub async fn suggest_all(
        &self,
        model: Option<Model>,
        rules: &[MergeRule],
        progress: impl Fn(Step) + Clone + Send + Sync + 'static,
    ) -> Result<Option<Suggested>, Error> {
        let (store, has_rules) = (self.clone(), !rules.is_empty());
        let task = tokio::spawn(async move {
            let holder = store.clock.new_id();
            if !state::hold(&store.db, store.clock, holder).await? {
                return Ok(None);
            }
            let renewing = renew(store.db.clone(), store.clock, holder);
            let result = Whole { store: &store, has_rules }.run(model, progress).await;
            renewing.abort();
            let released = state::release(&store.db, holder).await;
            store.notify_matcher();
            let suggested = result?;
            released.map(|()| Some(suggested))
        });
        match task.await.map_err(|_| Error::Internal("a run failed".to_owned()))? {
            // It was suspended for too long, and others have written since.
            Err(Error::Conflict) => Err(Error::Unavailable("the run was overtaken".to_owned())),
            result => result,
        }
    }
}

fn renew(db: Db, clock: Clock, holder: Uuid) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(RENEW_EVERY).await;
            let db = db.clone();
            let renewed = attempt(move || {
                let db = db.clone();
                async move { state::hold(&db, clock, holder).await }
            });
            if let Err(error) = renewed.await {
                tracing::warn!(%error, "another process may take over the run");
            }
        }
    })
}

struct Whole<'a> {
    store: &'a Store,
    has_rules: bool,
}

impl Whole<'_> {
    async fn run(
        &self,
        model: Option<Model>,
        progress: impl Fn(Step) + Clone + Send + 'static,
    ) -> Result<Suggested, Error> {
        let db = &self.store.db;
        let mut state = State::read(db).await?;
        // What is read after these rows is at least as new as they are.
        let work = self.work().await?;
        let (ids, people) = self.read(&mut state, &progress).await?;
        let customers = ids.len();
        let conflicts = self.conflicts().await?;

        let task = spawn_blocking(move || search(model, ids, people, conflicts, &progress));
        let failed = |_| Error::Internal("a comparison failed".to_owned());
        let Searched { model, compared, found, progress } = task.await.map_err(failed)?;
        let top = found.iter().take(TOP).map(|found| TopSuggestion {
            one_id: found.pair.0,
            other_id: found.pair.1,
            probability: compare::probability(found.rank),
            reasons: found.reasons.clone(),
        });
        let top = top.collect();
        let mut tx = state.begin(db, 0).await?;
        state::set_model(&mut tx, &model).await?;
        tx.commit().await?;
        let suggestions = found.len();
        self.write(&mut state, found, &progress).await?;
        for rows in work.chunks(PAGE) {
            let (ids, revisions) = rows.iter().copied().unzip();
            let mut tx = state.begin(db, 0).await?;
            tx.apply(REMOVE_WORK, vec![Column::Ids(ids), Column::Integers(revisions)]).await?;
            tx.commit().await?;
        }
        Ok(Suggested { customers, compared, suggestions, top, model })
    }

    /// All rows of the queue.
    async fn work(&self) -> Result<Vec<(Uuid, i64)>, Error> {
        let mut all: Vec<(Uuid, i64)> = Vec::new();
        loop {
            let (id, revision) = all.last().copied().unwrap_or(super::BEGIN);
            let rows: Vec<(Uuid, i64)> = on_db!(&self.store.db, |c| {
                let query = sqlx::query_as(QUEUE).bind(id).bind(PAGE as i64).bind(revision);
                query.fetch_all(c).await?
            });
            if rows.is_empty() {
                return Ok(all);
            }
            all.extend(rows);
        }
    }

    /// All records by id, each with up-to-date keys and counts.
    async fn read(
        &self,
        state: &mut State,
        progress: &impl Fn(Step),
    ) -> Result<(Vec<Uuid>, Vec<Person>), Error> {
        let db = &self.store.db;
        let (mut ids, mut people) = (Vec::new(), Vec::new());
        loop {
            let after = ids.last().copied().unwrap_or(Uuid::nil());
            let page: Vec<Uuid> = on_db!(db, |c| {
                let query = sqlx::query_scalar(CUSTOMERS).bind(after).bind(RECORDS as i64);
                query.fetch_all(c).await?
            });
            if page.is_empty() {
                return Ok((ids, people));
            }
            let known = people::load(db, &page).await?;
            index::index(db, state, &known).await?;
            for (id, known) in known {
                ids.push(id);
                people.push(known.person);
            }
            progress(Step::Reading(ids.len()));
        }
    }

    /// Pairs of which one has an identifier that was refused to the other.
    async fn conflicts(&self) -> Result<BTreeSet<PairOf>, Error> {
        let db = &self.store.db;
        let mut refused: BTreeMap<String, Vec<Uuid>> = BTreeMap::new();
        let mut last = (Uuid::nil(), String::new());
        loop {
            let rows: Vec<(Uuid, String)> = on_db!(db, |c| {
                let query = sqlx::query_as(REFUSED).bind(last.0).bind(&last.1);
                query.bind(PAGE as i64).fetch_all(c).await?
            });
            let Some(end) = rows.last() else { break };
            last = end.clone();
            for (id, key) in rows {
                refused.entry(key).or_default().push(id);
            }
        }
        let mut pairs = BTreeSet::new();
        let keys: Vec<&String> = refused.keys().collect();
        for keys in keys.chunks(PAGE) {
            let texts = keys.iter().map(ToString::to_string).collect();
            let rows: Vec<(String, Uuid)> = db.list(HOLDERS, vec![Column::Texts(texts)]).await?;
            let mut holders: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
            for (key, id) in &rows {
                holders.entry(key).or_default().push(*id);
            }
            for (key, holders) in holders {
                pairs.extend(compare::conflicts(&holders, &refused[key]));
            }
        }
        Ok(pairs)
    }

    /// Writes suggestions, removes those that no longer apply, and updates which are listed.
    async fn write(
        &self,
        state: &mut State,
        found: Vec<Found>,
        progress: &impl Fn(Step),
    ) -> Result<(), Error> {
        let (db, clock) = (&self.store.db, self.store.clock);
        let pairs: BTreeSet<PairOf> = found.iter().map(|found| found.pair).collect();
        let gone = self.gone(&pairs).await?;
        for gone in gone.chunks(PAGE) {
            write(db, clock, state, Vec::new(), gone.to_vec()).await?;
        }
        let total = found.len();
        let mut found = found.into_iter();
        loop {
            let part: Vec<Found> = found.by_ref().take(PAGE).collect();
            if part.is_empty() {
                break;
            }
            write(db, clock, state, part, Vec::new()).await?;
            progress(Step::Writing(total - found.len(), total));
        }
        let records: BTreeSet<Uuid> =
            pairs.into_iter().chain(gone).flat_map(|(one, other)| [one, other]).collect();
        let records: Vec<Uuid> = records.into_iter().collect();
        for records in records.chunks(PAGE) {
            let standing = Standing::read(db, records.iter().copied()).await?;
            let changes = standing.changes();
            if changes.is_empty() && !self.has_rules {
                continue;
            }
            let mut tx = state.begin(db, 0).await?;
            tx.apply(SET_LISTED, listed_columns(changes)).await?;
            if self.has_rules {
                tx.apply(ADD_WORK, vec![Column::Ids(records.to_vec())]).await?;
            }
            tx.commit().await?;
        }
        Ok(())
    }

    /// The stored suggestions that are not among these.
    async fn gone(&self, pairs: &BTreeSet<PairOf>) -> Result<Vec<PairOf>, Error> {
        let mut gone = Vec::new();
        let mut last = (Uuid::nil(), Uuid::nil());
        loop {
            let rows: Vec<PairOf> = on_db!(&self.store.db, |c| {
                let query = sqlx::query_as(SUGGESTIONS).bind(last.0).bind(last.1);
                query.bind(PAGE as i64).fetch_all(c).await?
            });
            let Some(end) = rows.last() else { return Ok(gone) };
            last = *end;
            gone.extend(rows.into_iter().filter(|pair| !pairs.contains(pair)));
        }
    }
}

struct Searched<P> {
    model: Model,
    compared: u64,
    /// The likeliest first.
    found: Vec<Found>,
    progress: P,
}

/// Finds the pairs. Uses all processors for a while.
fn search<P: Fn(Step) + Clone>(
    model: Option<Model>,
    ids: Vec<Uuid>,
    people: Vec<Person>,
    conflicts: BTreeSet<PairOf>,
    progress: &P,
) -> Searched<P> {
    let frequencies = Frequencies::of(&people);
    progress(Step::Learning);
    let model = model.unwrap_or_else(|| Model::learn(&people, &frequencies));
    let pairs = find_pairs(&people, &model, &frequencies, SUGGESTION_THRESHOLD, |now| {
        progress(Step::Comparing(now));
    });
    let mut found: BTreeMap<PairOf, Found> = BTreeMap::new();
    let mut add = |one: usize, other: usize, is_conflict: bool| {
        let pair = pair(ids[one], ids[other]);
        let score = model.score(&people[one], &people[other], &frequencies);
        // A pair that only follows from others is found once those have been merged.
        if is_conflict || score.probability >= SUGGESTION_THRESHOLD {
            found.insert(pair, compare::found(pair, score));
        }
    };
    for pair in &pairs.pairs {
        add(pair.one as usize, pair.other as usize, false);
    }
    let place = |id: &Uuid| ids.binary_search(id).ok();
    for (one, other) in &conflicts {
        // A record that arrived after the others were read waits on the queue.
        if let (Some(one), Some(other)) = (place(one), place(other)) {
            add(one, other, true);
        }
    }
    let mut found: Vec<Found> = found.into_values().collect();
    found.sort_by_key(|found| (std::cmp::Reverse(found.rank), found.pair));
    let compared = pairs.compared;
    Searched { model, compared, found, progress: progress.clone() }
}
