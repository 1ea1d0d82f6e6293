//! The probability that two records are one person's, with the reasons.

use super::{
    Agreement, Field, Frequencies,
    compare::{Comparer, Observation},
    hypothesis::{Likelihoods, weigh},
    model::Model,
    person::Person,
};

/// How probable it is that two records are one person's.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// 0 to 1.
    pub probability: f64,
    /// The logarithm of the odds, to the base of 2: 10 is some 1,000 to 1 for, -10 against.
    pub weight_bits: f64,
    /// The weightiest first. With the weight that any pair begins with they sum up to the whole.
    pub reasons: Vec<Reason>,
}

/// What speaks for one person, or against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    pub field: Field,
    pub agreement: Agreement,
    pub weight_bits: f64,
    /// The chance that the record of a stranger agrees so far, 0 to 1. For equal values it is the
    /// part of all records that have the value.
    pub chance: f64,
}

impl Model {
    /// Scores a pair. `frequencies` hold the counts of at least the terms of both records, and both
    /// records are counted in them.
    pub fn score(&self, one: &Person, other: &Person, frequencies: &Frequencies) -> Score {
        let (seen, likelihoods) = self.weighed(one, other, frequencies);
        let weight_bits = likelihoods.odds().clamp(1e-300, 1e300).log2();
        let reasons = self.reasons(&seen, &likelihoods);
        Score { probability: likelihoods.probability(), weight_bits, reasons }
    }

    /// The probability of a pair alone, without the reasons.
    pub fn probability(&self, one: &Person, other: &Person, frequencies: &Frequencies) -> f64 {
        self.weighed(one, other, frequencies).1.probability()
    }

    /// Whether the records themselves allow that they are one person's, however rare such pairs
    /// are: neither strangers nor relatives are much likelier to look so.
    pub(super) fn allows(&self, one: &Person, other: &Person, frequencies: &Frequencies) -> bool {
        /// As much as a slip of the pen in one field.
        const LEAST_AGAINST_STRANGERS: f64 = 1.0 / 16.0;
        const LEAST_AGAINST_RELATIVES: f64 = 1.0 / 2.0;
        let likelihoods = self.weighed(one, other, frequencies).1;
        likelihoods.same / likelihoods.prior >= LEAST_AGAINST_STRANGERS
            && likelihoods.odds_of_relatives() >= LEAST_AGAINST_RELATIVES
    }

    fn weighed(
        &self,
        one: &Person,
        other: &Person,
        frequencies: &Frequencies,
    ) -> (Observation, Likelihoods) {
        let seen = Comparer { model: self, frequencies }.observe(one, other);
        let likelihoods = weigh(&seen, self, frequencies.people());
        (seen, likelihoods)
    }

    fn reasons(&self, seen: &Observation, likelihoods: &Likelihoods) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for field in Field::COMPARED {
            let Some(observed) = seen.of(field) else { continue };
            reasons.push(Reason {
                field,
                agreement: observed.agreement,
                weight_bits: self.ratio(field, observed).log2(),
                chance: observed.chance,
            });
        }
        spread_address(&mut reasons, likelihoods.address.log2());
        let others = likelihoods.household + likelihoods.group;
        if others > 0.01 {
            reasons.push(Reason {
                field: Field::SharedContact,
                agreement: Agreement::Exact,
                weight_bits: -(1.0 + others).log2(),
                chance: others / (1.0 + others),
            });
        }
        reasons.sort_by(|a, b| b.weight_bits.abs().total_cmp(&a.weight_bits.abs()));
        reasons
    }
}

/// Makes the reasons of an address sum up to what it weighs as a whole: its parts say the same
/// thing more than once.
fn spread_address(reasons: &mut [Reason], whole_bits: f64) {
    let is_address = |reason: &&mut Reason| {
        let parts =
            [Field::Street, Field::HouseNumber, Field::Postcode, Field::Locality, Field::Region];
        parts.contains(&reason.field)
    };
    let mut parts: Vec<&mut Reason> = reasons.iter_mut().filter(is_address).collect();
    let sum: f64 = parts.iter().map(|reason| reason.weight_bits).sum();
    let size: f64 = parts.iter().map(|reason| reason.weight_bits.abs()).sum();
    if size <= 0.0 {
        return;
    }
    // What is over or short is borne by each as far as it weighs.
    for reason in &mut parts {
        reason.weight_bits += (whole_bits - sum) * reason.weight_bits.abs() / size;
    }
}
