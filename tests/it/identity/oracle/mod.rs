//! The identity rules reimplemented in memory, as the reference for the store. Merges are a list of
//! edges and a person is a connected component; claims are one list, including ended ones.

mod joining;
mod links;
mod naming;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use throughline::model::{IdentifierKind, Micros, Verification};
use uuid::Uuid;

pub use joining::Against;
pub use naming::Outcome;
pub use shown::{Shown, ShownClaim};

use super::call::{FIELDS, KEYS};

/// The value of a field of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// 0 if it was emptied.
    pub value: u8,
    pub at: Micros,
    pub verified: bool,
    pub source: usize,
    /// When it was chosen for all records of a person.
    pub chosen_at: Option<Micros>,
}

#[derive(Clone, Debug)]
pub struct Record {
    pub id: Uuid,
    pub created_at: Micros,
    pub revision: i64,
    pub values: [Option<Value>; FIELDS.len()],
}

/// A claim of a record on an identifier, current or ended.
#[derive(Clone, Debug)]
pub struct Claim {
    pub record: usize,
    pub key: usize,
    pub verification: Verification,
    pub source: usize,
    pub since: Micros,
    pub until: Option<Micros>,
    pub seen: Micros,
    /// The lowest number that no other claim of the key had when it began. Which of a person's
    /// records gets an entry is not specified; it is the one with the lowest place.
    pub place: usize,
}

/// A merge.
#[derive(Clone, Debug)]
pub struct Edge {
    pub id: Uuid,
    /// The canonical records at the time.
    pub into: usize,
    pub from: usize,
    pub asked_into: usize,
    pub asked_from: usize,
    pub at: Micros,
    pub choices: Vec<(usize, usize)>,
    pub approved_by: Option<usize>,
    pub undone: bool,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    /// The entry of a call, by its id.
    Entry(Uuid, String),
    Linked {
        key: usize,
        verification: Verification,
        actor: usize,
    },
    Unlinked {
        key: usize,
        actor: usize,
    },
    /// The other customer, and the merge.
    Merged {
        into: usize,
        merge: Uuid,
        actor: usize,
    },
    Unmerged {
        other: usize,
        merge: Uuid,
        actor: usize,
    },
    MergeExcluded {
        other: usize,
        actor: usize,
    },
    Lifted {
        other: usize,
        actor: usize,
    },
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub record: usize,
    pub revision: i64,
    pub occurred_at: Micros,
    pub recorded_at: Micros,
    pub said: Said,
    pub order: Option<usize>,
}

/// Why a call is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    NoCustomer,
    NameReused,
    BadChoice,
    OrderTaken,
    NoOrder,
    NoReply,
    Ambiguous,
    Conflict,
    NotHeld,
    VerificationNotPermitted,
    NoMerge,
    SameCustomer,
    AlreadyUnmerged,
    NeedsApproval,
    NoSuggestion,
    MergeExcluded,
    /// The merges that must be undone first.
    InUse(BTreeSet<usize>),
    Stale,
}

/// The customers of an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Nobody,
    /// A person, by the record that has the claim.
    One(usize),
    Unclear,
}

#[derive(Clone, Debug)]
struct Approval {
    pair: (usize, usize),
    actor: usize,
    until: Micros,
}

/// An earlier write of an entry.
#[derive(Clone, Debug)]
struct Written {
    body: String,
    record: usize,
    created: bool,
    line: usize,
}

#[derive(Clone, Debug, Default)]
pub struct Oracle {
    pub now: Micros,
    pub records: Vec<Record>,
    pub claims: Vec<Claim>,
    pub edges: Vec<Edge>,
    pub lines: Vec<Line>,
    marks: BTreeSet<(usize, usize)>,
    pub dismissed: BTreeSet<(usize, usize)>,
    /// Pairs that may have been suggested when their persons were dismissed: they need not be
    /// suggested again.
    pub dismissed_too: BTreeSet<(usize, usize)>,
    approvals: Vec<Approval>,
    /// Refused claims on identifiers of others: by record and key, whether verified.
    noted: BTreeMap<(usize, usize), bool>,
    written: BTreeMap<String, Written>,
    /// The changes made: by idempotency key, the content, and the resulting merge.
    changed: BTreeMap<usize, (String, Option<usize>)>,
}

impl Oracle {
    /// All records that the edges connect with a record.
    fn reach<'a>(record: usize, edges: impl Iterator<Item = &'a Edge> + Clone) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut next = vec![record];
        while let Some(record) = next.pop() {
            if found.insert(record) {
                for edge in edges.clone() {
                    if edge.into == record {
                        next.push(edge.from);
                    } else if edge.from == record {
                        next.push(edge.into);
                    }
                }
            }
        }
        found
    }

    pub fn in_force(&self) -> impl Iterator<Item = &Edge> + Clone {
        self.edges.iter().filter(|edge| !edge.undone)
    }

    /// The records of the person that a record belongs to.
    pub fn person(&self, record: usize) -> BTreeSet<usize> {
        Self::reach(record, self.in_force())
    }

    /// The canonical record of a person: the one that was not merged into another.
    pub fn root(&self, record: usize) -> usize {
        let mut parts = self.person(record);
        for edge in self.in_force() {
            parts.remove(&edge.from);
        }
        assert_eq!(parts.len(), 1, "a person has one canonical record");
        parts.pop_first().unwrap()
    }

    fn check(&self, record: usize) -> Result<usize, Refused> {
        if record < self.records.len() { Ok(record) } else { Err(Refused::NoCustomer) }
    }

    /// The current claims of a key, by place.
    fn live(&self, key: usize) -> Vec<&Claim> {
        let live = self.claims.iter().filter(|claim| claim.key == key && claim.until.is_none());
        let mut live: Vec<&Claim> = live.collect();
        live.sort_by_key(|claim| claim.place);
        live
    }

    pub fn owner(&self, key: usize) -> Owner {
        let live = self.live(key);
        let Some(first) = live.first() else { return Owner::Nobody };
        if live.iter().any(|claim| claim.verification == Verification::Shared) {
            return Owner::Unclear;
        }
        if let Some(sure) = live.iter().find(|claim| claim.verification == Verification::Verified) {
            return Owner::One(sure.record);
        }
        let people: BTreeSet<usize> = live.iter().map(|claim| self.root(claim.record)).collect();
        if people.len() == 1 { Owner::One(first.record) } else { Owner::Unclear }
    }

    fn claim(&mut self, record: usize, key: usize, verification: Verification, source: usize) {
        let taken: BTreeSet<usize> = self.live(key).iter().map(|claim| claim.place).collect();
        let place = (0..).find(|place| !taken.contains(place)).unwrap();
        let (since, seen) = (self.now, self.now);
        let until = None;
        self.claims.push(Claim { record, key, verification, source, since, until, seen, place });
    }

    fn live_mut(&mut self, key: usize) -> impl Iterator<Item = &mut Claim> {
        self.claims.iter_mut().filter(move |claim| claim.key == key && claim.until.is_none())
    }

    /// The keys that distinguish some records from other people: those of systems that assign one
    /// number per person.
    fn numbers(&self, records: &BTreeSet<usize>) -> BTreeSet<usize> {
        let live = self.claims.iter().filter(|claim| claim.until.is_none());
        let theirs = live.filter(|claim| records.contains(&claim.record));
        theirs.map(|claim| claim.key).filter(|key| is_number(*key)).collect()
    }

    /// Records a refused claim; returns whether it is new.
    fn note(&mut self, record: usize, key: usize, proved: bool) -> bool {
        let before = self.noted.get(&(record, key)).copied();
        let news = before.is_none() || (before == Some(false) && proved);
        if news {
            self.noted.insert((record, key), proved);
        }
        news
    }

    /// Adds a change to the timeline of a record.
    fn tell(&mut self, record: usize, said: Said) {
        self.records[record].revision += 1;
        let revision = self.records[record].revision;
        let (occurred_at, recorded_at) = (self.now, self.now);
        self.lines.push(Line { record, revision, occurred_at, recorded_at, said, order: None });
    }
}

/// Whether a system assigns one value of this key per person.
fn is_number(key: usize) -> bool {
    use IdentifierKind::{Account, CustomerNumber, External};
    [CustomerNumber, Account, External].contains(&KEYS[key].0)
}

/// Whether two sets of numbers belong to two people: some system has assigned each its own, and
/// none the same to both.
fn are_apart(one: &BTreeSet<usize>, other: &BTreeSet<usize>) -> bool {
    let system = |key: &usize| (KEYS[*key].0, KEYS[*key].1);
    let systems: BTreeSet<_> = one.iter().map(system).collect();
    one.is_disjoint(other) && other.iter().any(|key| systems.contains(&system(key)))
}

/// Two numbers, the smaller first.
fn pair(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}
