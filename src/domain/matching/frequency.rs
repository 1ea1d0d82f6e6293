//! Frequencies of values: how many records have a value determines how much sharing it says.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::{
    names,
    person::{Part, Person},
    street::phone_tail,
};

/// The kinds of values that are counted. The numbers are part of the keys: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Term {
    Given = 1,
    Family = 2,
    Organisation = 3,
    BirthDate = 4,
    Street = 5,
    HouseNumber = 6,
    Postcode = 7,
    Locality = 8,
    Region = 9,
    Phone = 10,
    Email = 11,
    EmailLocal = 12,
    Identifier = 13,
    /// Street, house number and postcode together.
    Dwelling = 14,
}

impl Term {
    /// The prior frequency of an unseen value, and its weight in records. A birth date is one of
    /// some 20,000 days, whatever few records say; for house numbers and towns even a small file is
    /// informative.
    fn belief(self) -> (f64, f64) {
        match self {
            Self::Given => (2e-3, 300.0),
            Self::Family => (5e-4, 500.0),
            Self::Organisation => (2e-4, 1_000.0),
            Self::BirthDate => (5e-5, 2_000.0),
            Self::Street => (5e-4, 500.0),
            Self::HouseNumber => (1e-2, 100.0),
            Self::Postcode => (1e-3, 300.0),
            Self::Locality => (1e-2, 100.0),
            Self::Region => (1e-1, 20.0),
            Self::Phone | Self::Email => (1e-6, 10_000.0),
            Self::EmailLocal => (1e-5, 10_000.0),
            Self::Identifier => (1e-7, 10_000.0),
            Self::Dwelling => (1e-5, 5_000.0),
        }
    }

    /// The key of a value: FNV-1a of 64 bits (Fowler, Noll and Vo). It must be the same in every
    /// version of the program.
    pub(super) fn key(self, value: &str) -> i64 {
        stable_hash(self as u8, value)
    }
}

pub(super) fn stable_hash(kind: u8, value: &str) -> i64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let bytes = [kind].into_iter().chain(value.bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    hash.cast_signed()
}

/// The number of records, and how many of them have each value. Missing counts are zero: to score a
/// few pairs, the counts of their [`Frequencies::terms`] suffice.
#[derive(Clone, Debug, Default)]
pub struct Frequencies {
    people: u64,
    counts: HashMap<i64, u32, BuildHasherDefault<Unhashed>>,
}

impl Frequencies {
    /// Frequencies from the number of records and the counts of their terms.
    pub fn new(people: u64, counts: impl IntoIterator<Item = (i64, u32)>) -> Self {
        Self { people, counts: counts.into_iter().collect() }
    }

    pub fn of(people: &[Person]) -> Self {
        let mut all = Self::default();
        people.iter().for_each(|person| all.add(person));
        all
    }

    /// The keys of the values that a record contributes to the counts, each once.
    pub fn terms(person: &Person) -> Vec<i64> {
        let mut terms = Vec::with_capacity(16);
        let mut add = |term: Term, value: &str| {
            if !value.is_empty() {
                terms.push(term.key(value));
            }
        };
        let given = person.part(Part::Given);
        add(Term::Given, given);
        if given.contains(' ') {
            given.split(' ').for_each(|word| add(Term::Given, word));
        }
        let family = person.part(Part::Family);
        add(Term::Family, &names::family_key(family));
        if family.contains(' ') {
            names::without_particles(family).for_each(|word| add(Term::Family, word));
        }
        add(Term::Organisation, person.part(Part::Organisation));
        add(Term::BirthDate, person.part(Part::BirthDate));
        add(Term::Street, person.part(Part::Street));
        add(Term::Street, person.part(Part::FurtherLines));
        add(Term::HouseNumber, person.part(Part::HouseNumber));
        add(Term::Postcode, person.part(Part::Postcode));
        add(Term::Locality, person.part(Part::Locality));
        add(Term::Region, person.part(Part::Region));
        person.list(Part::Phones).for_each(|phone| add(Term::Phone, phone_tail(phone)));
        for email in person.list(Part::Emails) {
            add(Term::Email, email);
            add(Term::EmailLocal, email.split('@').next().unwrap_or_default());
        }
        person.list(Part::Identifiers).for_each(|value| add(Term::Identifier, value));
        add(Term::Dwelling, &dwelling(person));
        terms.sort_unstable();
        terms.dedup();
        terms
    }

    pub fn add(&mut self, person: &Person) {
        self.people += 1;
        for term in Self::terms(person) {
            *self.counts.entry(term).or_default() += 1;
        }
    }

    pub fn remove(&mut self, person: &Person) {
        self.people = self.people.saturating_sub(1);
        for term in Self::terms(person) {
            if let Some(count) = self.counts.get_mut(&term) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// The number of records counted.
    pub fn people(&self) -> u64 {
        self.people
    }

    /// The probability that a stranger has the value, which `own` records of the pair have. These
    /// are excluded from the count, since a value that only they have says nothing about others.
    pub(super) fn chance(&self, term: Term, value: &str, own: u32) -> f64 {
        let (belief, weight) = term.belief();
        let others = f64::from(self.others(term, value, own));
        let people = self.people.saturating_sub(u64::from(own)) as f64;
        // Values do not become rarer without limit as the number of records grows.
        ((others + belief * weight) / (people + weight)).max(belief / 100.0)
    }

    /// The share of all other records that have the value.
    pub(super) fn share(&self, term: Term, value: &str) -> f64 {
        f64::from(self.others(term, value, 2)) / self.people.max(1) as f64
    }

    pub(super) fn others(&self, term: Term, value: &str, own: u32) -> u32 {
        self.counts.get(&term.key(value)).map_or(0, |count| count.saturating_sub(own))
    }
}

/// The dwelling of a person as one value. Empty if too little of it is known.
pub(super) fn dwelling(person: &Person) -> String {
    let (street, number) = (person.part(Part::Street), person.part(Part::HouseNumber));
    let postcode = person.part(Part::Postcode);
    let known = [street, number, postcode].iter().filter(|part| !part.is_empty()).count();
    if known < 2 { String::new() } else { format!("{street}/{number}/{postcode}") }
}

/// A hasher for keys that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_i64(&mut self, key: i64) {
        self.0 = key.cast_unsigned();
    }
}
