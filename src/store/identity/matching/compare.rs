//! Compares records with those that share their blocking keys.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    index::frequencies,
    pairs::{PairOf, Row, pair, suggestions_of},
    people::{MatchPerson, load},
    rules::rule_for,
    state::State,
    statements::MEMBERS,
};
use crate::{
    domain::matching::{
        Frequencies, MAX_BLOCK, Model, Reason, SUGGESTION_THRESHOLD, Score, block_keys,
    },
    error::Error,
    model::MergeRule,
    store::sql::{bulk::Column, db::Db},
};

/// An identifier that more records have or were refused is widely shared: refusing it to one of
/// them suggests nobody.
pub const MAX_CONFLICT_RECORDS: usize = 5;

/// A suggestion that changes because of other records is written again if it changes by this many
/// bits.
const NOTABLE_BITS: f64 = 1.0;

/// A pair to suggest.
#[derive(Debug)]
pub struct Found {
    pub pair: PairOf,
    pub rank: i64,
    pub reasons: Vec<Reason>,
}

/// The result of comparing records.
#[derive(Debug, Default)]
pub struct Compared {
    pub found: Vec<Found>,
    /// Suggestions that no longer apply.
    pub gone: Vec<PairOf>,
    /// Pairs that a rule would merge, into the first.
    pub by_rule: Vec<(MergeRule, Uuid, Uuid)>,
}

/// Compares records, whose keys are up to date, with all that share a key with them.
pub async fn compare(
    db: &Db,
    state: &State,
    subjects: BTreeMap<Uuid, MatchPerson>,
    rules: &[MergeRule],
) -> Result<Compared, Error> {
    let candidates = candidates(db, &subjects).await?;
    let others: BTreeSet<Uuid> = candidates
        .iter()
        .flat_map(|(one, other)| [*one, *other])
        .filter(|id| !subjects.contains_key(id))
        .collect();
    let others: Vec<Uuid> = others.into_iter().collect();
    let subject_ids: BTreeSet<Uuid> = subjects.keys().copied().collect();
    let mut known = subjects;
    known.extend(load(db, &others).await?);
    let frequencies = frequencies(db, state.people, known.values().map(|it| &it.person)).await?;
    let before = suggestions_of(db, known.keys().copied().collect()).await?;

    let model = state.model.clone();
    let rules = rules.to_vec();
    // Thousands of comparisons do not belong on the threads that answer calls.
    let task = tokio::task::spawn_blocking(move || {
        let scorer = Scorer { known: &known, model: &model, frequencies: &frequencies };
        scorer.compare(&candidates, &subject_ids, &before, &rules)
    });
    task.await.map_err(|_| Error::Internal("a comparison failed".to_owned()))
}

/// The pairs of a record with those that share a key.
async fn candidates(
    db: &Db,
    subjects: &BTreeMap<Uuid, MatchPerson>,
) -> Result<BTreeSet<PairOf>, Error> {
    let keys: BTreeMap<Uuid, Vec<i64>> =
        subjects.iter().map(|(id, known)| (*id, block_keys(&known.person))).collect();
    let all: BTreeSet<i64> = keys.values().flatten().copied().collect();
    let rows: Vec<(i64, Uuid)> =
        db.list(MEMBERS, vec![Column::Integers(all.into_iter().collect())]).await?;
    let mut blocks: BTreeMap<i64, Vec<Uuid>> = BTreeMap::new();
    for (key, id) in rows {
        blocks.entry(key).or_default().push(id);
    }
    blocks.retain(|_, block| block.len() <= MAX_BLOCK);
    let mut pairs = BTreeSet::new();
    for (id, keys) in &keys {
        let others = keys.iter().filter_map(|key| blocks.get(key)).flatten();
        pairs.extend(others.filter(|other| *other != id).map(|other| pair(*id, *other)));
    }
    Ok(pairs)
}

struct Scorer<'a> {
    known: &'a BTreeMap<Uuid, MatchPerson>,
    model: &'a Model,
    frequencies: &'a Frequencies,
}

impl Scorer<'_> {
    fn compare(
        &self,
        candidates: &BTreeSet<PairOf>,
        subjects: &BTreeSet<Uuid>,
        before: &[Row],
        rules: &[MergeRule],
    ) -> Compared {
        let conflicts = self.conflicts();
        let mut compared = Compared::default();
        let mut suggested = BTreeSet::new();
        for pair in candidates {
            let Some(found) = self.found(*pair, &conflicts) else { continue };
            suggested.insert(*pair);
            compared.found.push(found);
            compared.by_rule.extend(rule_for(rules, self.known, *pair));
        }
        for row in before {
            let (one, other) = row.pair;
            if subjects.contains(&one) || subjects.contains(&other) {
                if !suggested.contains(&row.pair) {
                    compared.gone.push(row.pair);
                }
            } else if self.known.contains_key(&one) && self.known.contains_key(&other) {
                // What the two share may have become more common: with one more user of a mailbox,
                // all its suggestions have to be rated again.
                match self.found(row.pair, &conflicts) {
                    None => compared.gone.push(row.pair),
                    Some(found) if bits(found.rank - row.rank).abs() >= NOTABLE_BITS => {
                        compared.found.push(found);
                    }
                    Some(_) => {}
                }
            }
        }
        compared
    }

    /// A pair, if it is to be suggested.
    fn found(&self, pair: PairOf, conflicts: &BTreeSet<PairOf>) -> Option<Found> {
        let (one, other) = (self.known.get(&pair.0)?, self.known.get(&pair.1)?);
        let (one, other) = (&one.person, &other.person);
        let probability = self.model.probability(one, other, self.frequencies);
        let is_suggested = probability >= SUGGESTION_THRESHOLD || conflicts.contains(&pair);
        is_suggested.then(|| found(pair, self.model.score(one, other, self.frequencies)))
    }

    /// Pairs of which one has an identifier that was refused to the other. All owners are known,
    /// since they share a key.
    fn conflicts(&self) -> BTreeSet<PairOf> {
        let mut refused: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
        for (id, known) in self.known {
            for (key, _) in &known.refused {
                refused.entry(key).or_default().push(*id);
            }
        }
        let mut holders: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
        for (id, known) in self.known {
            for (key, _) in known.claims.iter().filter(|(key, _)| refused.contains_key(&**key)) {
                holders.entry(key).or_default().push(*id);
            }
        }
        let mut pairs = BTreeSet::new();
        for (key, refused) in refused {
            pairs.extend(conflicts(holders.get(key).map_or(&[], Vec::as_slice), &refused));
        }
        pairs
    }
}

/// The pairs of the owners of an identifier with those to whom it was refused.
pub fn conflicts(holders: &[Uuid], refused: &[Uuid]) -> Vec<PairOf> {
    let all: BTreeSet<&Uuid> = holders.iter().chain(refused).collect();
    if all.len() > MAX_CONFLICT_RECORDS {
        return Vec::new();
    }
    let pairs = holders.iter().flat_map(|one| refused.iter().map(|other| (*one, *other)));
    pairs.filter(|(one, other)| one != other).map(|(one, other)| pair(one, other)).collect()
}

/// A pair with its score.
pub fn found(pair: PairOf, score: Score) -> Found {
    Found { pair, rank: rank(score.weight_bits), reasons: score.reasons }
}

/// Logarithms of odds are stored in millionths.
const PER_BIT: f64 = 1e6;

fn rank(weight_bits: f64) -> i64 {
    (weight_bits * PER_BIT).round() as i64
}

fn bits(rank: i64) -> f64 {
    rank as f64 / PER_BIT
}

/// The probability of a rank.
pub fn probability(rank: i64) -> f64 {
    let odds = bits(rank).exp2();
    if odds.is_infinite() { 1.0 } else { odds / (1.0 + odds) }
}

/// The minimum rank of a probability.
pub fn least_rank(probability: f64) -> i64 {
    /// From these odds on, a probability is 1 within the precision of 53 bits.
    const CERTAIN_BITS: f64 = 53.0;
    if probability <= 0.0 {
        return i64::MIN;
    }
    let bits = (probability / (1.0 - probability)).log2().min(CERTAIN_BITS);
    (bits * PER_BIT).floor() as i64
}
