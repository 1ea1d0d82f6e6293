//! Merging, unmerging and excluding customers from being merged.

use std::collections::BTreeSet;

use throughline::model::{IdentifierKind, Verification};
use uuid::Uuid;

use super::{Approval, Edge, Oracle, Refused, Said, are_apart, pair};
use crate::identity::call::{Change, DAY, Etag, FIELDS, KEYS};

/// What prevents a merge, or must be decided.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Against {
    Field(usize),
    NeedsApproval,
    MergeExcluded,
    SameOrder(usize),
}

impl Oracle {
    /// Makes a change; a merge gets this id, and its number is returned. A suggestion to dismiss
    /// may be listed or not.
    pub fn change(
        &mut self,
        (change, actor, request): (&Change, usize, usize),
        body: &str,
        id: Uuid,
        listed: bool,
    ) -> Result<Option<usize>, Refused> {
        self.check_subjects(change)?;
        if let Some(merge) = self.earlier(request, body)? {
            return Ok(merge);
        }
        let mut merge = None;
        match change {
            Change::Link { record, key, shared, take_over, may_verify, source } => {
                let how = (*shared, *take_over, *may_verify);
                self.link(*record, *key, how, *source, actor)?;
            }
            Change::Unlink { record, key, may_verify } => {
                self.unlink(*record, *key, *may_verify, actor)?;
            }
            Change::Merge { .. } => merge = Some(self.merge(change, id, actor)?),
            Change::Approve { one, other } => self.approve(*one, *other, actor)?,
            Change::Unmerge { merge, exclude_merge } => {
                self.unmerge(*merge, *exclude_merge, actor)?;
            }
            Change::Apart { one, other, lift } => self.apart(*one, *other, *lift, actor)?,
            Change::Dismiss { record, other, .. } => {
                if !listed {
                    return Err(Refused::NoSuggestion);
                }
                self.dismissed.insert(pair(*record, *other));
                // Whatever was suggested about the two people at the time is dismissed with it.
                for one in self.person(*record) {
                    for other in self.person(*other) {
                        self.dismissed_too.insert(pair(one, other));
                    }
                }
            }
            Change::Update { etag: Etag::Stale, .. } => return Err(Refused::Stale),
            Change::Update { record, fields, origin, .. } => {
                self.update(*record, fields, *origin);
            }
        }
        self.made(request, body, merge);
        Ok(merge)
    }

    /// The customers of a change must exist, whatever else is wrong with it.
    fn check_subjects(&self, change: &Change) -> Result<(), Refused> {
        match change {
            Change::Link { record, .. }
            | Change::Unlink { record, .. }
            | Change::Update { record, .. } => self.check(*record).map(drop),
            Change::Merge { into: one, from: other, .. }
            | Change::Approve { one, other }
            | Change::Dismiss { record: one, other, .. }
            | Change::Apart { one, other, .. } => {
                self.check(*one).and(self.check(*other)).map(drop)
            }
            Change::Unmerge { merge, .. } if *merge >= self.edges.len() => Err(Refused::NoMerge),
            Change::Unmerge { .. } => Ok(()),
        }
    }

    /// The error of a merge, whatever is decided about the two.
    pub fn check_merge(&self, change: &Change) -> Result<(), Refused> {
        let Change::Merge { into, from, choices, etags } = change else { unreachable!() };
        self.check_subjects(change)?;
        let (one, other) = (self.person(*into), self.person(*from));
        if one == other {
            return Err(Refused::SameCustomer);
        }
        if etags.0 == Etag::Stale || etags.1 == Etag::Stale {
            return Err(Refused::Stale);
        }
        let known = |(_, record): &(usize, usize)| one.contains(record) || other.contains(record);
        if choices.iter().all(known) { Ok(()) } else { Err(Refused::BadChoice) }
    }

    /// Whether two customers may be suggested to be one.
    pub fn may_be_suggested(&self, one: usize, other: usize) -> bool {
        let (ones, others) = (self.person(one), self.person(other));
        let between = |(a, b): &(usize, usize)| {
            ones.contains(a) && others.contains(b) || ones.contains(b) && others.contains(a)
        };
        ones != others && !self.marks.iter().chain(&self.dismissed).any(between)
    }

    /// The customers who have verified what this one claims, and who may be suggested.
    pub fn in_conflict(&self, record: usize) -> BTreeSet<usize> {
        let person = self.person(record);
        let noted = self.noted.keys().filter(|(record, _)| person.contains(record));
        let sure = noted.flat_map(|(_, key)| self.live(*key));
        let sure = sure.filter(|claim| claim.verification == Verification::Verified);
        let others = sure.map(|claim| claim.record);
        let dismissed = |other: usize| {
            let theirs = self.person(other);
            person.iter().any(|a| theirs.iter().any(|b| self.dismissed_too.contains(&pair(*a, *b))))
        };
        let others = others.filter(|other| self.may_be_suggested(record, *other));
        let others = others.filter(|other| !dismissed(*other));
        others.map(|other| self.root(other)).collect()
    }

    /// What prevents a merge that is not refused, or must be decided.
    pub fn against(&self, into: usize, from: usize) -> BTreeSet<Against> {
        let (one, other) = (self.person(into), self.person(from));
        let mut found = BTreeSet::new();
        let (ones, others) = (self.profile(into), self.profile(from));
        for field in 0..FIELDS.len() {
            if let (Some(one), Some(other)) = (&ones[field], &others[field])
                && one.1.value != other.1.value
            {
                found.insert(Against::Field(field));
            }
        }
        let verified = |records: &BTreeSet<usize>| -> BTreeSet<usize> {
            let sure = self.claims.iter().filter(|claim| {
                use IdentifierKind::{Account, CustomerNumber};
                claim.until.is_none()
                    && claim.verification == Verification::Verified
                    && [Account, CustomerNumber].contains(&KEYS[claim.key].0)
            });
            let theirs = sure.filter(|claim| records.contains(&claim.record));
            theirs.map(|claim| claim.key).collect()
        };
        if are_apart(&verified(&one), &verified(&other)) {
            found.insert(Against::NeedsApproval);
        }
        if one.iter().any(|a| other.iter().any(|b| self.marks.contains(&pair(*a, *b)))) {
            found.insert(Against::MergeExcluded);
        }
        let orders = |records: &BTreeSet<usize>| -> BTreeSet<usize> {
            let theirs = self.lines.iter().filter(|line| records.contains(&line.record));
            theirs.filter_map(|line| line.order).collect()
        };
        let both = orders(&one).intersection(&orders(&other)).copied().collect::<Vec<_>>();
        found.extend(both.into_iter().map(Against::SameOrder));
        found
    }

    fn merge(&mut self, change: &Change, id: Uuid, actor: usize) -> Result<usize, Refused> {
        self.check_merge(change)?;
        let Change::Merge { into, from, choices, .. } = change else { unreachable!() };
        let against = self.against(*into, *from);
        if against.contains(&Against::MergeExcluded) {
            return Err(Refused::MergeExcluded);
        }
        let both = pair(self.root(*into), self.root(*from));
        let mut approved_by = None;
        if against.contains(&Against::NeedsApproval) {
            let counts =
                |it: &&Approval| it.pair == both && it.actor != actor && it.until > self.now;
            let found = self.approvals.iter().filter(counts).map(|it| it.actor).min();
            approved_by = Some(found.ok_or(Refused::NeedsApproval)?);
            self.approvals.retain(|it| it.pair != both);
        }
        Ok(self.join(*into, *from, choices, id, actor, approved_by))
    }

    /// Merges two customers; returns the number of the merge.
    pub fn join(
        &mut self,
        asked_into: usize,
        asked_from: usize,
        choices: &[(usize, usize)],
        id: Uuid,
        actor: usize,
        approved_by: Option<usize>,
    ) -> usize {
        let (into, from) = (self.root(asked_into), self.root(asked_from));
        let (at, choices, undone) = (self.now, choices.to_vec(), false);
        let edge =
            Edge { id, into, from, asked_into, asked_from, at, choices, approved_by, undone };
        self.edges.push(edge);
        self.records[into].revision += 1;
        self.tell(from, Said::Merged { into, merge: id, actor });
        self.edges.len() - 1
    }

    fn approve(&mut self, one: usize, other: usize, actor: usize) -> Result<(), Refused> {
        let pair = pair(self.root(one), self.root(other));
        if pair.0 == pair.1 {
            return Err(Refused::SameCustomer);
        }
        self.approvals.retain(|it| it.pair != pair || it.actor != actor);
        self.approvals.push(Approval { pair, actor, until: self.now + 7 * DAY });
        Ok(())
    }

    fn unmerge(&mut self, merge: usize, exclude_merge: bool, actor: usize) -> Result<(), Refused> {
        let edge = self.edges[merge].clone();
        if edge.undone {
            return Err(Refused::AlreadyUnmerged);
        }
        let in_use = self.by_way_of(&edge);
        if !in_use.is_empty() {
            return Err(Refused::InUse(in_use));
        }
        let root = self.root(edge.into);
        self.edges[merge].undone = true;
        if root != edge.into {
            self.records[root].revision += 1;
        }
        let sides = [(edge.into, edge.from), (edge.from, edge.into)];
        for (record, other) in sides {
            self.tell(record, Said::Unmerged { other, merge: edge.id, actor });
        }
        if exclude_merge {
            self.marks.insert(pair(edge.into, edge.from));
            for (record, other) in sides {
                self.tell(record, Said::MergeExcluded { other, actor });
            }
        }
        Ok(())
    }

    /// The merges that depend on this one: without it, the record that one was requested for no
    /// longer belongs to the customer that it merged.
    fn by_way_of(&self, edge: &Edge) -> BTreeSet<usize> {
        let without = self.in_force().filter(|other| other.id != edge.id);
        let cut = |asked, joined| !Self::reach(asked, without.clone()).contains(&joined);
        let in_use = self.edges.iter().enumerate().filter(|(_, other)| {
            !other.undone
                && other.id != edge.id
                && (cut(other.asked_into, other.into) || cut(other.asked_from, other.from))
        });
        in_use.map(|(number, _)| number).collect()
    }

    fn apart(&mut self, one: usize, other: usize, lift: bool, actor: usize) -> Result<(), Refused> {
        let (ones, others) = (self.person(one), self.person(other));
        if ones == others {
            return Err(Refused::SameCustomer);
        }
        let between = |(a, b): &(usize, usize)| {
            ones.contains(a) && others.contains(b) || ones.contains(b) && others.contains(a)
        };
        let marked = self.marks.iter().any(between);
        if marked != lift {
            return Ok(());
        }
        for (record, other) in [(one, other), (other, one)] {
            let said = match lift {
                true => Said::Lifted { other, actor },
                false => Said::MergeExcluded { other, actor },
            };
            self.tell(record, said);
        }
        if lift {
            self.marks.retain(|mark| !between(mark));
        } else {
            self.marks.insert(pair(one, other));
        }
        Ok(())
    }
}
