//! What is shown of a person.

use std::collections::{BTreeMap, BTreeSet};

use throughline::model::{Micros, Verification};
use uuid::Uuid;

use super::{Claim, Oracle, Value};
use crate::identity::call::FIELDS;

/// A value, its record, when it was given, whether verified, and the source.
pub type ShownValue = (u8, Uuid, Micros, bool, usize);

/// A person as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: Uuid,
    pub revision: i64,
    pub created_at: Micros,
    pub values: [Option<ShownValue>; FIELDS.len()],
    pub claims: BTreeSet<ShownClaim>,
    /// The canonical one, then the oldest first.
    pub records: Vec<Uuid>,
    pub merges: BTreeMap<Uuid, (Uuid, Uuid, Option<usize>)>,
}

/// An identifier as shown, without the time when it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShownClaim {
    pub record: Uuid,
    pub key: usize,
    pub verification: Verification,
    pub source: usize,
    pub first_seen: Micros,
    pub since: Micros,
    pub until: Option<Micros>,
}

impl Oracle {
    /// For each field the shown value of a person, with its record.
    pub fn profile(&self, record: usize) -> [Option<(usize, Value)>; FIELDS.len()] {
        let person = self.person(record);
        let mut profile = [const { None }; FIELDS.len()];
        for (field, shown) in profile.iter_mut().enumerate() {
            // The values and, if chosen for all records, when.
            let mut left: Vec<(usize, &Value, Option<Micros>)> = Vec::new();
            for record in &person {
                let Some(value) = &self.records[*record].values[field] else { continue };
                let chosen = self.chosen_at(*record, &person, field, value);
                if value.value != 0 || chosen.is_some() {
                    left.push((*record, value, chosen));
                }
            }
            // Narrowed down, rule by rule.
            let last_choice = left.iter().filter_map(|it| it.2).max();
            left.retain(|it| it.2 == last_choice);
            if left.iter().any(|it| it.1.verified) {
                left.retain(|it| it.1.verified);
            }
            let newest = left.iter().map(|it| it.1.at).max();
            left.retain(|it| Some(it.1.at) == newest);
            let best = left.into_iter().min_by_key(|it| self.records[it.0].id);
            *shown = best.filter(|it| it.1.value != 0).map(|it| (it.0, it.1.clone()));
        }
        profile
    }

    /// When a value was last chosen for the whole person: by a merge in force that joined its
    /// records, or by a change of a record while merged, by merges still in force.
    fn chosen_at(
        &self,
        record: usize,
        person: &BTreeSet<usize>,
        field: usize,
        value: &Value,
    ) -> Option<Micros> {
        let by_merges = self.in_force().filter(|edge| person.contains(&edge.into));
        let by_merges = by_merges.filter(|edge| edge.choices.contains(&(field, record)));
        let by_merges = by_merges.map(|edge| edge.at).max().filter(|_| value.value != 0);
        let by_change = value.chosen_at.filter(|at| {
            let before = self.in_force().filter(|edge| edge.at <= *at);
            Self::reach(record, before).len() > 1
        });
        by_merges.max(by_change)
    }

    fn shown_claim(&self, claim: &Claim) -> ShownClaim {
        let same = self.claims.iter().filter(|it| it.record == claim.record && it.key == claim.key);
        ShownClaim {
            record: self.records[claim.record].id,
            key: claim.key,
            verification: claim.verification,
            source: claim.source,
            first_seen: same.map(|it| it.since).min().unwrap(),
            since: claim.since,
            until: claim.until,
        }
    }

    /// The claims of a person, including ended ones.
    pub fn claims_of(&self, record: usize) -> Vec<(ShownClaim, Micros)> {
        let person = self.person(record);
        let theirs = self.claims.iter().filter(|claim| person.contains(&claim.record));
        theirs.map(|claim| (self.shown_claim(claim), claim.seen)).collect()
    }

    pub fn shown(&self, record: usize) -> Shown {
        let (person, root) = (self.person(record), self.root(record));
        let mut records: Vec<usize> = person.iter().copied().collect();
        records.sort_by_key(|it| {
            let record = &self.records[*it];
            (*it != root, record.created_at, record.id)
        });
        let id = |record: usize| self.records[record].id;
        let values = self.profile(record).map(|value| {
            let (record, value) = value?;
            Some((value.value, id(record), value.at, value.verified, value.source))
        });
        let claims = self.claims_of(record).into_iter().map(|(claim, _)| claim);
        let merges = self.in_force().filter(|edge| person.contains(&edge.into));
        Shown {
            id: id(root),
            revision: person.iter().map(|it| self.records[*it].revision).sum(),
            created_at: person.iter().map(|it| self.records[*it].created_at).min().unwrap(),
            values,
            claims: claims.filter(|claim| claim.until.is_none()).collect(),
            records: records.into_iter().map(id).collect(),
            merges: merges
                .map(|edge| (edge.id, (id(edge.into), id(edge.from), edge.approved_by)))
                .collect(),
        }
    }
}
