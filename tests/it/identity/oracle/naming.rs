//! Which customer a call is about, and its effects on that customer.

use std::collections::{BTreeMap, BTreeSet};

use throughline::model::Verification;
use uuid::Uuid;

use super::{Line, Oracle, Owner, Record, Refused, Said, Value, Written, are_apart, is_number};
use crate::identity::call::{FIELDS, Item, KEYS, Key, Origin, Values, Who};

/// The result of a call, or of an item of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// None if the customer is ambiguous.
    pub record: Option<usize>,
    pub created: bool,
    /// Indexes in the call, and canonical records of others.
    pub conflicts: Vec<(usize, usize)>,
    /// By canonical record, the indexes in the call and the best verification.
    pub candidates: BTreeMap<usize, (Vec<usize>, Verification)>,
    /// The number of the entry among all.
    pub line: Option<usize>,
    pub repeated: bool,
}

/// The meaning of a call's identifiers.
#[derive(Debug, Default)]
struct Naming {
    record: Option<usize>,
    conflicts: Vec<(usize, usize)>,
    /// To be claimed.
    new: Vec<Key>,
    /// To be verified: keys and the records that claim them.
    surer: Vec<(usize, usize)>,
    /// Belonging to others, to be recorded as refused.
    noted: Vec<Key>,
    unclear: bool,
}

impl Oracle {
    fn name(&self, keys: &[Key]) -> Naming {
        let owners: Vec<Owner> = keys.iter().map(|(key, _)| self.owner(*key)).collect();
        let said: BTreeSet<usize> =
            keys.iter().map(|key| key.0).filter(|k| is_number(*k)).collect();
        let mut naming = Naming::default();

        // From the strongest kind to the weakest; within a kind, in the order of the call.
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|place| KEYS[keys[*place].0].0);
        for place in order {
            if let Owner::One(record) = owners[place]
                && naming.record.is_none()
                && !are_apart(&self.numbers(&self.person(record)), &said)
            {
                naming.record = Some(record);
            }
        }
        if naming.record.is_none() && owners.iter().all(|owner| *owner != Owner::Nobody) {
            naming.unclear = true;
            return naming;
        }

        let person = naming.record.map(|record| self.person(record)).unwrap_or_default();
        let theirs: BTreeSet<usize> = self.numbers(&person).union(&said).copied().collect();
        for (place, (key, proved)) in keys.iter().copied().enumerate() {
            let live = self.live(key);
            let verified = live.iter().any(|claim| claim.verification == Verification::Verified);
            let mine = live.iter().find(|claim| person.contains(&claim.record));
            match owners[place] {
                Owner::One(other) if !person.contains(&other) => {
                    naming.conflicts.push((place, self.root(other)));
                    let other = self.numbers(&self.person(other));
                    if verified || !(proved || are_apart(&other, &theirs)) {
                        naming.noted.push((key, proved));
                    } else {
                        naming.new.push((key, proved));
                    }
                }
                _ => match mine {
                    None => naming.new.push((key, proved)),
                    Some(mine)
                        if proved && mine.verification == Verification::Claimed && !verified =>
                    {
                        naming.surer.push((key, mine.record));
                    }
                    Some(_) => {}
                },
            }
        }
        if naming.record.is_some() && !naming.noted.is_empty() {
            naming.new.clear();
        }
        naming
    }

    /// The candidates for the keys of an ambiguous call.
    fn candidates(&self, keys: &[Key]) -> BTreeMap<usize, (Vec<usize>, Verification)> {
        let mut found: BTreeMap<usize, (Vec<usize>, Verification)> = BTreeMap::new();
        for (place, (key, _)) in keys.iter().enumerate() {
            for claim in self.live(*key) {
                let root = self.root(claim.record);
                let (places, verification) =
                    found.entry(root).or_insert((Vec::new(), claim.verification));
                if !places.contains(&place) {
                    places.push(place);
                }
                *verification = claim.verification.max(*verification);
            }
        }
        found
    }

    pub fn identify(&mut self, keys: &[Key], values: Values, origin: Origin) -> Outcome {
        let naming = self.name(keys);
        if naming.unclear {
            return Outcome { candidates: self.candidates(keys), ..Outcome::default() };
        }
        let (record, created) = self.leave(&naming, keys, values, origin, false);
        let conflicts = naming.conflicts;
        Outcome { record: Some(record), created, conflicts, ..Outcome::default() }
    }

    /// All items or none.
    pub fn batch(&mut self, items: &[Item], ids: &[Uuid]) -> Result<Vec<Outcome>, Refused> {
        let mut after = self.clone();
        let outcomes: Vec<_> =
            items.iter().zip(ids).map(|(item, id)| after.record(item, *id)).collect();
        // A reused idempotency key is reported before everything else.
        if outcomes.contains(&Err(Refused::NameReused)) {
            return Err(Refused::NameReused);
        }
        let outcomes = outcomes.into_iter().collect::<Result<_, _>>()?;
        *self = after;
        Ok(outcomes)
    }

    /// Records an entry of this id.
    pub fn record(&mut self, item: &Item, id: Uuid) -> Result<Outcome, Refused> {
        let keys: &[Key] = if let Who::Keys(keys) = &item.who { keys } else { &[] };
        let names: Vec<String> = names(item);
        let before: Vec<&Written> = names.iter().filter_map(|it| self.written.get(it)).collect();
        let changed = item.request.is_some_and(|request| self.changed.contains_key(&request));
        if changed || before.iter().any(|written| written.body != item.body()) {
            return Err(Refused::NameReused);
        }
        if let Some(written) = before.last().map(|written| (*written).clone()) {
            let person = self.person(written.record);
            let others = keys.iter().enumerate().filter_map(|(place, (key, _))| {
                let Owner::One(other) = self.owner(*key) else { return None };
                (!person.contains(&other)).then(|| (place, self.root(other)))
            });
            let outcome = Outcome {
                record: Some(written.record),
                created: written.created,
                conflicts: others.collect(),
                line: Some(written.line),
                repeated: true,
                ..Outcome::default()
            };
            for name in names {
                self.written.entry(name).or_insert(written.clone());
            }
            return Ok(outcome);
        }

        let naming = match item.who {
            Who::Record(record) => {
                Naming { record: Some(self.check(record)?), ..Naming::default() }
            }
            Who::Keys(_) => self.name(keys),
        };
        if naming.unclear {
            return Err(Refused::Ambiguous);
        }
        self.check_references(naming.record, item)?;
        let (record, created) = self.leave(&naming, keys, item.values, item.origin, true);
        let text = item.text.to_string();
        self.lines.push(Line {
            record,
            revision: self.records[record].revision,
            occurred_at: crate::support::NOW + item.at,
            recorded_at: self.now,
            said: Said::Entry(id, text),
            order: item.order,
        });
        let line = self.lines.len() - 1;
        for name in names {
            self.written.insert(name, Written { body: item.body(), record, created, line });
        }
        let (record, line, conflicts) = (Some(record), Some(line), naming.conflicts);
        Ok(Outcome { record, created, conflicts, line, ..Outcome::default() })
    }

    fn check_references(&self, record: Option<usize>, item: &Item) -> Result<(), Refused> {
        let person = record.map(|record| self.person(record)).unwrap_or_default();
        let mut lines = self.lines.iter().filter(|line| person.contains(&line.record));
        let orders: BTreeSet<usize> = lines.clone().filter_map(|line| line.order).collect();
        if item.order.is_some_and(|order| orders.contains(&order)) {
            return Err(Refused::OrderTaken);
        }
        if item.about.is_some_and(|it| !orders.contains(&it) && item.order != Some(it)) {
            return Err(Refused::NoOrder);
        }
        // The ids of other entries made by the server are not returned.
        let answered = item.reply.map(|reply| &self.lines[reply]);
        if answered.is_some_and(|answered| {
            let has_id = matches!(answered.said, Said::Entry(..) | Said::Merged { .. });
            !has_id || !lines.any(|line| line == answered)
        }) {
            return Err(Refused::NoReply);
        }
        Ok(())
    }

    /// The effects of a call on its customer: the record, and whether it is new.
    fn leave(
        &mut self,
        naming: &Naming,
        keys: &[Key],
        values: Values,
        origin: Origin,
        entry: bool,
    ) -> (usize, bool) {
        let created = naming.record.is_none();
        let record = naming.record.unwrap_or(self.records.len());
        if created {
            let (id, created_at) = (Uuid::nil(), self.now);
            let values = [const { None }; FIELDS.len()];
            self.records.push(Record { id, created_at, revision: 0, values });
        }
        let mut changes = entry || created;

        for (key, proved) in &naming.new {
            let shared =
                self.live(*key).iter().any(|claim| claim.verification == Verification::Shared);
            let verification = match (shared, proved) {
                (true, _) => Verification::Shared,
                (false, true) => Verification::Verified,
                (false, false) => Verification::Claimed,
            };
            self.claim(record, *key, verification, origin.0);
            changes = true;
        }
        for (key, holder) in &naming.surer {
            for claim in self.live_mut(*key).filter(|claim| claim.record == *holder) {
                claim.verification = Verification::Verified;
            }
            changes = true;
        }
        for (key, proved) in &naming.noted {
            changes |= self.note(record, *key, *proved);
        }
        let (now, person) = (self.now, self.person(record));
        for (key, _) in keys {
            for claim in self.live_mut(*key).filter(|claim| person.contains(&claim.record)) {
                claim.seen = now;
            }
        }
        for (slot, value) in self.records[record].values.iter_mut().zip(values) {
            let empty = slot.as_ref().is_none_or(|known| known.value == 0);
            if value == 0 {
                continue;
            }
            if empty {
                let (source, verified) = origin;
                *slot = Some(Value { value, at: now, verified, source, chosen_at: None });
                changes = true;
            } else if let Some(known) = slot
                && known.value == value
                && origin.1
                && !known.verified
            {
                known.verified = true;
                changes = true;
            }
        }
        self.records[record].revision += i64::from(changes);
        (record, created)
    }
}

/// The idempotency keys of an entry.
fn names(item: &Item) -> Vec<String> {
    let request = item.request.map(|request| format!("request {request}"));
    request.into_iter().chain([format!("source {}", item.name)]).collect()
}
