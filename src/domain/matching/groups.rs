//! Groups of records that belong to one person by way of a third record.

use super::{
    Frequencies,
    model::Model,
    pairs::{Pair, by_probability},
    person::Person,
};

/// The largest group: more records of one person are very rare, and the limit bounds the effect of
/// an error.
const MAX_GROUP: usize = 20;

/// The pairs with those that follow from them: if a pair joins two groups and no pair between the
/// groups contradicts it, all pairs between them are found.
pub(super) fn close(
    people: &[Person],
    model: &Model,
    frequencies: &Frequencies,
    mut pairs: Vec<Pair>,
) -> Vec<Pair> {
    pairs.sort_by(by_probability);
    let mut groups = Groups::of(people.len());
    let known: std::collections::HashSet<(u32, u32)> =
        pairs.iter().map(|pair| (pair.one, pair.other)).collect();
    let mut all = pairs.clone();
    for pair in &pairs {
        let (one, other) = (groups.of[pair.one as usize], groups.of[pair.other as usize]);
        if one == other {
            continue;
        }
        let between = groups.between(one, other);
        if groups.size(one) + groups.size(other) > MAX_GROUP {
            continue;
        }
        let further: Vec<(u32, u32)> =
            between.into_iter().filter(|places| !known.contains(places)).collect();
        let agrees = |(one, other): &(u32, u32)| {
            let (one, other) = (&people[*one as usize], &people[*other as usize]);
            model.allows(one, other, frequencies)
        };
        if !further.iter().all(agrees) {
            continue;
        }
        let of = |(one, other)| Pair { one, other, probability: pair.probability };
        all.extend(further.into_iter().map(of));
        groups.join(one, other);
    }
    all
}

struct Groups {
    /// The group of each record.
    of: Vec<u32>,
    members: Vec<Vec<u32>>,
}

impl Groups {
    /// Each record as a group of its own.
    fn of(records: usize) -> Self {
        let all = (0..u32::try_from(records).unwrap_or(u32::MAX)).collect::<Vec<_>>();
        Self { members: all.iter().map(|record| vec![*record]).collect(), of: all }
    }

    fn size(&self, group: u32) -> usize {
        self.members[group as usize].len()
    }

    /// All pairs between two groups, the lesser index first.
    fn between(&self, one: u32, other: u32) -> Vec<(u32, u32)> {
        let (ones, others) = (&self.members[one as usize], &self.members[other as usize]);
        let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| (*one, *other)));
        pairs.map(|(one, other)| (one.min(other), one.max(other))).collect()
    }

    fn join(&mut self, into: u32, from: u32) {
        let moved = std::mem::take(&mut self.members[from as usize]);
        for record in &moved {
            self.of[*record as usize] = into;
        }
        self.members[into as usize].extend(moved);
    }
}
