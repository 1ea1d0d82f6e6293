//! Linking and unlinking identifiers, and changes of profiles.

use throughline::model::Verification;

use super::{Oracle, Refused, Said, Value};
use crate::identity::call::{Key, Origin};

impl Oracle {
    /// Whether a change was made before; refused if the idempotency key belongs to another one.
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
        let theirs = others.clone().any(|claim| claim.verification == Verification::Verified);
        if theirs && !take_over && !shared {
            let noted = self.note(record, key, proved);
            self.records[record].revision += i64::from(noted);
            return Err(Refused::Conflict);
        }
        if theirs && !take_over && !may_verify {
            return Err(Refused::VerificationNotPermitted);
        }
        if take_over {
            let losers: Vec<usize> = others.map(|claim| claim.record).collect();
            for loser in losers {
                self.end(loser, key, actor);
            }
            // It identifies one person from now on.
            self.make_others(record, key, Verification::Shared, Verification::Claimed);
        }
        if shared {
            self.make_others(record, key, Verification::Claimed, Verification::Shared);
            self.make_others(record, key, Verification::Verified, Verification::Shared);
        }

        let live = self.live(key);
        let mut rest = live.iter().filter(|claim| claim.record != record);
        let own = live.iter().find(|claim| claim.record == record).map(|claim| claim.verification);
        // What was taken over belongs to the new customer only; what was shared before stays so.
        let is_shared =
            live.iter().any(|claim| claim.verification == Verification::Shared) && !take_over;
        let verification = if shared || is_shared {
            Verification::Shared
        } else if proved && rest.all(|claim| claim.verification != Verification::Verified) {
            Verification::Verified
        } else {
            own.unwrap_or(Verification::Claimed)
        };
        let now = self.now;
        match own {
            None => self.claim(record, key, verification, source),
            Some(_) => {
                for claim in self.live_mut(key).filter(|claim| claim.record == record) {
                    (claim.verification, claim.seen) = (verification, now);
                }
            }
        }
        if own != Some(verification) {
            self.tell(record, Said::Linked { key, verification, actor });
        }
        Ok(())
    }

    /// Changes the verification of a key's other claims: the state of their customers changes.
    fn make_others(&mut self, record: usize, key: usize, from: Verification, to: Verification) {
        let mut touched = Vec::new();
        for claim in self.live_mut(key) {
            if claim.verification == from && claim.record != record {
                claim.verification = to;
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
        if !may_verify && mine.iter().any(|claim| claim.verification == Verification::Verified) {
            return Err(Refused::VerificationNotPermitted);
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
