//! Learns the weights from data without labels, by expectation maximisation (Dempster, Laird and
//! Rubin, 1977), constrained to stay near the built-in estimates.

use super::{
    Agreement, Field, Frequencies,
    compare::{Comparer, Observation},
    frequency::dwelling,
    hypothesis::weigh,
    model::{Model, Sharing, Table},
    pairs::{Candidates, in_parallel},
    person::{Part, Person},
};

/// The weight of the built-in estimates, in pairs of one person or of strangers.
const BELIEF_PAIRS: f64 = 50.0;
const BELIEF_STRANGERS: f64 = 5_000.0;

/// A learnt rate differs from the built-in one at most by this factor.
const FURTHEST: f64 = 4.0;

/// The factor for given names that differ: if twins were taken for one person, they would otherwise
/// teach that one person has many names.
const FURTHEST_OTHER_NAME: f64 = 2.0;

/// A pair counts as certainly of one household from this probability on.
const CLEAR: f64 = 0.9;

/// More people than this behind one contact are a company.
const LARGEST_HOUSEHOLD: f64 = 8.0;

const STRANGER_PAIRS: usize = 50_000;
const SAMPLE_RECORDS: usize = 10_000;
const ROUNDS: usize = 15;

impl Model {
    /// The model that best fits a set of records, within the constraints. Few records teach little,
    /// and implausible data cannot distort the model.
    pub fn learn(people: &[Person], frequencies: &Frequencies) -> Self {
        let mut model = Self::default();
        if people.len() < 2 {
            return model;
        }
        model.learn_strangers(people, frequencies);
        model.learn_matches(people, frequencies);
        model
    }

    /// Learns how often strangers agree, from random pairs, nearly all of which are strangers.
    fn learn_strangers(&mut self, people: &[Person], frequencies: &Frequencies) {
        let believed = self.clone();
        let comparer = Comparer { model: &believed, frequencies };
        let pairs = STRANGER_PAIRS.min(people.len() * (people.len() - 1) / 2);
        let observations = in_parallel(0..pairs, |index| {
            let (one, other) = blind_pair(index, people.len());
            comparer.observe(&people[one], &people[other])
        });
        let mut counts = Counts::default();
        observations.iter().for_each(|seen| counts.add(seen, 1.0));
        for field in Field::COMPARED {
            for agreement in Agreement::ALL {
                let row = &believed.stranger[field.index()];
                if is_learnt(agreement) && agreement != Agreement::Exact {
                    self.stranger[field.index()][agreement.index()] =
                        counts.rate(field, agreement, row, BELIEF_STRANGERS);
                }
            }
        }
    }

    fn learn_matches(&mut self, people: &[Person], frequencies: &Frequencies) {
        let believed = self.clone();
        let candidates = Candidates::of(people);
        let step = people.len().div_ceil(SAMPLE_RECORDS);
        let sampled = people.len().div_ceil(step);
        let comparer = Comparer { model: &believed, frequencies };
        let observations: Vec<Observation> = in_parallel(0..sampled, |index| {
            let one = index * step;
            let found = candidates.of_record(u32::try_from(one).unwrap_or(u32::MAX));
            let of = |other: u32| comparer.observe(&people[one], &people[other as usize]);
            found.into_iter().map(of).collect::<Vec<_>>()
        })
        .into_iter()
        .flatten()
        .collect();

        let seen_part = households_seen(people, &believed.household);
        for _ in 0..ROUNDS {
            let mut counts = Counts::default();
            let (mut matches, mut housemates) = (0.0, 0.0);
            let mut homes = (0.0, 0.0);
            let mut shared = [(0.0, 0.0); 4];
            for seen in &observations {
                let weighed = weigh(seen, self, frequencies.people());
                let probability = weighed.probability();
                let others = seen.shared_by * frequencies.people() as f64;
                if seen.shares_contact() && others <= LARGEST_HOUSEHOLD {
                    // Uncertain pairs must not teach the rates that they are judged by.
                    let related = weighed.of_relatives();
                    let other_name = seen
                        .of(Field::GivenName)
                        .is_some_and(|observed| observed.agreement == Agreement::Different);
                    let is_clear = other_name && related >= CLEAR;
                    housemates += if is_clear { related } else { weighed.of_household() };
                    let related = if is_clear { related } else { 0.0 };
                    for (sum, part) in shared.iter_mut().zip(self.shared_at_home(seen)) {
                        if let Some(part) = part {
                            *sum = (sum.0 + related * part, sum.1 + related);
                        }
                    }
                }
                if probability < 1e-3 {
                    continue;
                }
                matches += probability;
                counts.add(seen, probability);
                if let Some(same) = self.same_home(seen) {
                    homes = (homes.0 + probability * same, homes.1 + probability);
                }
            }
            // Each pair was counted from both of its sides.
            let records = sampled as f64;
            let per_record = |pairs: f64, belief: f64| {
                (pairs / 2.0 + belief * BELIEF_PAIRS) / (records + BELIEF_PAIRS)
            };
            self.matches_per_record =
                per_record(matches, believed.matches_per_record).clamp(0.02, 4.0);
            let seen = records * seen_part;
            let housemates = housemates / 2.0 + believed.housemates_per_record * BELIEF_PAIRS;
            self.housemates_per_record = (housemates / (seen + BELIEF_PAIRS)).clamp(0.02, 4.0);
            self.household = believed.household.learnt(&shared);
            let known = believed.same_address * BELIEF_PAIRS;
            self.same_address = ((homes.0 + known) / (homes.1 + BELIEF_PAIRS)).clamp(0.5, 0.97);
            for field in Field::COMPARED {
                for agreement in Agreement::ALL.into_iter().filter(|it| is_learnt(*it)) {
                    let row = &believed.same[field.index()];
                    self.same[field.index()][agreement.index()] =
                        counts.rate(field, agreement, row, BELIEF_PAIRS);
                }
            }
        }
    }
}

impl Sharing {
    /// The rates with the observations: for each thing, how many pairs share it, and for how many
    /// it is known.
    fn learnt(&self, seen: &[(f64, f64); 4]) -> Self {
        let rate = |belief: f64, (shared, known): (f64, f64)| {
            ((shared + belief * BELIEF_PAIRS) / (known + BELIEF_PAIRS)).clamp(0.02, 0.98)
        };
        Self {
            family_name: rate(self.family_name, seen[0]),
            address: rate(self.address, seen[1]),
            phone: rate(self.phone, seen[2]),
            email: rate(self.email, seen[3]),
        }
    }
}

/// The share of all households that the data reveals: all households if there is an address,
/// otherwise those that share numbers or mailboxes. In a file of names and birth dates, relatives
/// look like strangers or like one person, and nothing is learnt of them.
fn households_seen(people: &[Person], household: &Sharing) -> f64 {
    let known = |of: &dyn Fn(&Person) -> bool| {
        people.iter().filter(|person| of(person)).count() as f64 / people.len() as f64
    };
    let homes = known(&|person| !dwelling(person).is_empty());
    let phones = known(&|person| !person.part(Part::Phones).is_empty());
    let emails = known(&|person| !person.part(Part::Emails).is_empty());
    1.0 - (1.0 - homes) * (1.0 - household.phone * phones) * (1.0 - household.email * emails)
}

/// Whether a rate is learnt. The rates of initials are relative to initials, which few files have.
fn is_learnt(agreement: Agreement) -> bool {
    agreement != Agreement::Initial
}

/// Two different record indices for a sample, spread evenly and reproducible.
fn blind_pair(index: usize, people: usize) -> (usize, usize) {
    // The step of Weyl's sequence for the golden ratio, in 64 bits.
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mixed = (index as u64 + 1).wrapping_mul(STEP);
    let (high, low) = (mixed >> 32, (mixed.wrapping_mul(STEP)) >> 32);
    let one = (high as usize) % people;
    let apart = 1 + (low as usize) % (people - 1);
    (one, (one + apart) % people)
}

#[derive(Default)]
struct Counts(Table);

impl Counts {
    fn add(&mut self, seen: &Observation, weight: f64) {
        for field in Field::COMPARED {
            if let Some(observed) = seen.of(field) {
                self.0[field.index()][observed.agreement.index()] += weight;
            }
        }
    }

    /// The posterior rate of an agreement, from the counts and the prior.
    fn rate(&self, field: Field, agreement: Agreement, believed: &[f64], weight: f64) -> f64 {
        let row = &self.0[field.index()];
        let known = Agreement::ALL.into_iter().filter(|agreement| is_learnt(*agreement));
        let total: f64 = known.map(|agreement| row[agreement.index()]).sum();
        let belief = believed[agreement.index()];
        let rate = (row[agreement.index()] + belief * weight) / (total + weight);
        let is_other_name = (field, agreement) == (Field::GivenName, Agreement::Different);
        let furthest = if is_other_name { FURTHEST_OTHER_NAME } else { FURTHEST };
        rate.clamp(belief / FURTHEST, (belief * furthest).min(1.0))
    }
}
