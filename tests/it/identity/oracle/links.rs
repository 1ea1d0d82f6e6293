//! Identifiers given to a record and taken from it, and changes of its profile.

use throughline::model::Proof;

use super::{Oracle, Refused, Said, Value};
use crate::identity::call::{Key, Origin};

impl Oracle {
    /// Whether a change was made before; refused where the name is another's.
    pub(super) fn earlier(
        &self,
        request: usize,
        body: &str,
    ) -> Result<Option<Option<usize>>, Refused> {
        if self.written.contains_key(&format!("request {request}")) {
            return Err(Refused::NameReused);
        }
        match self.changed.get(&request) {
            None => Ok(None),
            Some((before, merge)) if before == body => Ok(Some(*merge)),
            Some(_) => Err(Refused::NameReused),
        }
    }

    pub(super) fn made(&mut self, request: usize, body: &str, merge: Option<usize>) {
        self.changed.insert(request, (body.to_owned(), merge));
    }

    pub fn link(
        &mut self,
        record: usize,
        (key, proved): Key,
        (shared, take_over, may_verify): (bool, bool, bool),
        source: usize,
        actor: usize,
    ) -> Result<(), Refused> {
        let person = self.person(record);
        let live = self.live(key);
        let others = live.iter().filter(|claim| !person.contains(&claim.record));
        let theirs = others.clone().any(|claim| claim.proof == Proof::Verified);
        if theirs && !take_over && !shared {
            let noted = self.note(record, key, proved);
            self.records[record].revision += i64::from(noted);
            return Err(Refused::Conflict);
        }
        if theirs && !take_over && !may_verify {
            return Err(Refused::MayNotVerify);
        }
        if take_over {
            let losers: Vec<usize> = others.map(|claim| claim.record).collect();
            for loser in losers {
                self.end(loser, key, actor);
            }
            // It is of one person from now on.
            self.make_others(record, key, Proof::Shared, Proof::Claimed);
        }
        if shared {
            self.make_others(record, key, Proof::Claimed, Proof::Shared);
            self.make_others(record, key, Proof::Verified, Proof::Shared);
        }

        let live = self.live(key);
        let mut rest = live.iter().filter(|claim| claim.record != record);
        let own = live.iter().find(|claim| claim.record == record).map(|claim| claim.proof);
        // What has passed to somebody is theirs alone; what was shared before stays so.
        let is_shared = live.iter().any(|claim| claim.proof == Proof::Shared) && !take_over;
        let proof = if shared || is_shared {
            Proof::Shared
        } else if proved && rest.all(|claim| claim.proof != Proof::Verified) {
            Proof::Verified
        } else {
            own.unwrap_or(Proof::Claimed)
        };
        let now = self.now;
        match own {
            None => self.claim(record, key, proof, source),
            Some(_) => {
                for claim in self.live_mut(key).filter(|claim| claim.record == record) {
                    (claim.proof, claim.seen) = (proof, now);
                }
            }
        }
        if own != Some(proof) {
            self.tell(record, Said::Linked { key, proof, actor });
        }
        Ok(())
    }

    /// Changes the proof of a key's claims but that of a record: whoever has one of them has
    /// another state from then on.
    fn make_others(&mut self, record: usize, key: usize, from: Proof, to: Proof) {
        let mut touched = Vec::new();
        for claim in self.live_mut(key) {
            if claim.proof == from && claim.record != record {
                claim.proof = to;
                touched.push(claim.record);
            }
        }
        for other in touched {
            self.records[other].revision += 1;
        }
    }

    pub fn unlink(
        &mut self,
        record: usize,
        key: usize,
        may_verify: bool,
        actor: usize,
    ) -> Result<(), Refused> {
        let person = self.person(record);
        let mine: Vec<_> =
            self.live(key).into_iter().filter(|claim| person.contains(&claim.record)).collect();
        if mine.is_empty() {
            return Err(Refused::NotHeld);
        }
        if !may_verify && mine.iter().any(|claim| claim.proof == Proof::Verified) {
            return Err(Refused::MayNotVerify);
        }
        for record in mine.into_iter().map(|claim| claim.record).collect::<Vec<_>>() {
            self.end(record, key, actor);
        }
        Ok(())
    }

    fn end(&mut self, record: usize, key: usize, actor: usize) {
        let now = self.now;
        for claim in self.live_mut(key).filter(|claim| claim.record == record) {
            claim.until = Some(now);
        }
        self.tell(record, Said::Unlinked { key, actor });
    }

    /// Changes the profile of the person that a record belongs to.
    pub fn update(&mut self, record: usize, fields: &[(usize, u8)], origin: Origin) {
        let chosen_at = (self.person(record).len() > 1).then_some(self.now);
        let root = self.root(record);
        let (at, (source, verified)) = (self.now, origin);
        for (field, value) in fields {
            let value = Value { value: *value, at, verified, source, chosen_at };
            self.records[root].values[*field] = Some(value);
        }
        self.records[root].revision += 1;
    }
}
