//! Finds all pairs of a set that probably belong to one person.

use std::{cmp::Ordering, num::NonZero, thread};

use super::{Frequencies, MAX_BLOCK, block_keys, groups, model::Model, person::Person};

/// Two records, by their indices, with the probability that they are of one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub one: u32,
    pub other: u32,
    pub probability: f64,
}

/// The result of a search.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// The most probable first.
    pub pairs: Vec<Pair>,
    /// The number of pairs compared.
    pub compared: u64,
}

/// The progress of the search.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub done: usize,
    pub people: usize,
    pub found: usize,
}

/// How many records are processed between two progress reports.
const ROUND: usize = 4_096;

/// The pairs of a set with at least a given probability. Uses all processors.
pub fn find_pairs(
    people: &[Person],
    model: &Model,
    frequencies: &Frequencies,
    threshold: f64,
    mut progress: impl FnMut(Progress),
) -> Pairs {
    let candidates = Candidates::of(people);
    let mut all = Pairs::default();
    for start in (0..people.len()).step_by(ROUND) {
        let end = people.len().min(start + ROUND);
        let parts = in_parallel(start..end, |index| {
            let mut part = Pairs::default();
            let one = u32::try_from(index).unwrap_or(u32::MAX);
            for other in candidates.of_record(one).into_iter().filter(|other| *other > one) {
                part.compared += 1;
                let probability =
                    model.probability(&people[index], &people[other as usize], frequencies);
                if probability >= threshold {
                    part.pairs.push(Pair { one, other, probability });
                }
            }
            part
        });
        for part in parts {
            all.pairs.extend(part.pairs);
            all.compared += part.compared;
        }
        progress(Progress { done: end, people: people.len(), found: all.pairs.len() });
    }
    all.pairs = groups::close(people, model, frequencies, all.pairs);
    all.pairs.sort_by(by_probability);
    all
}

/// Orders pairs by descending probability, in a total order.
pub(super) fn by_probability(one: &Pair, other: &Pair) -> Ordering {
    let places = |pair: &Pair| (pair.one, pair.other);
    other.probability.total_cmp(&one.probability).then(places(one).cmp(&places(other)))
}

/// Computes a value for each index on all processors; the results are in order.
pub(super) fn in_parallel<T: Send>(
    indexes: std::ops::Range<usize>,
    answer: impl Fn(usize) -> T + Sync,
) -> Vec<T> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let size = indexes.len().div_ceil(workers).max(1);
    let parts: Vec<_> =
        indexes.clone().step_by(size).map(|at| at..indexes.end.min(at + size)).collect();
    let answer = &answer;
    thread::scope(|scope| {
        let threads: Vec<_> = parts
            .into_iter()
            .map(|part| scope.spawn(move || part.map(answer).collect::<Vec<T>>()))
            .collect();
        let joined = threads.into_iter().map(|thread| match thread.join() {
            Ok(answers) => answers,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.flatten().collect()
    })
}

/// The candidates of each record.
#[derive(Debug)]
pub(super) struct Candidates {
    /// The records of all blocks, concatenated.
    members: Vec<u32>,
    /// Where each block ends in `members`.
    ends: Vec<u32>,
    /// The blocks of all records, concatenated.
    blocks: Vec<u32>,
    /// Where the blocks of each record end in `blocks`.
    block_ends: Vec<u32>,
}

impl Candidates {
    pub fn of(people: &[Person]) -> Self {
        let keys = in_parallel(0..people.len(), |index| block_keys(&people[index]));
        let mut rows: Vec<(i64, u32)> = Vec::new();
        for (index, keys) in (0_u32..).zip(keys) {
            rows.extend(keys.into_iter().map(|key| (key, index)));
        }
        rows.sort_unstable();
        let (mut members, mut ends) = (Vec::new(), Vec::new());
        let mut of_records: Vec<(u32, u32)> = Vec::new();
        for block in rows.chunk_by(|a, b| a.0 == b.0) {
            if (2..=MAX_BLOCK).contains(&block.len()) {
                let number = u32::try_from(ends.len()).unwrap_or(u32::MAX);
                of_records.extend(block.iter().map(|(_, index)| (*index, number)));
                members.extend(block.iter().map(|(_, index)| *index));
                ends.push(u32::try_from(members.len()).unwrap_or(u32::MAX));
            }
        }
        drop(rows);
        of_records.sort_unstable();
        let mut block_ends = Vec::with_capacity(people.len());
        let mut at = 0;
        for index in 0_u32.. {
            if block_ends.len() == people.len() {
                break;
            }
            while of_records.get(at).is_some_and(|(record, _)| *record == index) {
                at += 1;
            }
            block_ends.push(u32::try_from(at).unwrap_or(u32::MAX));
        }
        let blocks = of_records.into_iter().map(|(_, block)| block).collect();
        Self { members, ends, blocks, block_ends }
    }

    /// The candidates of a record, sorted, each once.
    pub fn of_record(&self, record: u32) -> Vec<u32> {
        let span = |ends: &[u32], at: usize| {
            let start = at.checked_sub(1).map_or(0, |before| ends[before]);
            start as usize..ends[at] as usize
        };
        let mut found = Vec::new();
        for block in &self.blocks[span(&self.block_ends, record as usize)] {
            found.extend_from_slice(&self.members[span(&self.ends, *block as usize)]);
        }
        found.sort_unstable();
        found.dedup();
        found.retain(|other| *other != record);
        found
    }
}
