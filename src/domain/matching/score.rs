//! Scores a pair: the probability that two records are of one person, with the reasons.

use super::{
    Agreement, Field, Frequencies,
    compare::{Comparer, Observation},
    hypothesis::{Likelihoods, weigh},
    model::Model,
    person::Person,
};

/// The score of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// 0 to 1.
    pub probability: f64,
    /// The base-2 logarithm of the odds: 10 is about 1,000 to 1 for, -10 against.
    pub weight_bits: f64,
    /// The weightiest first. Together with the prior weight of a pair they add up to the total.
    pub reasons: Vec<Reason>,
}

/// A reason for or against one person.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    pub field: Field,
    pub agreement: Agreement,
    pub weight_bits: f64,
    /// The probability that the record of a stranger agrees as much, 0 to 1. For equal values it is
    /// the share of all records that have the value.
    pub chance: f64,
}

impl Model {
    /// Scores a pair. `frequencies` holds at least the counts of the terms of both records, which
    /// include both records.
    pub fn score(&self, one: &Person, other: &Person, frequencies: &Frequencies) -> Score {
        let (seen, likelihoods) = self.weighed(one, other, frequencies);
        let weight_bits = likelihoods.odds().clamp(1e-300, 1e300).log2();
        let reasons = self.reasons(&seen, &likelihoods);
        Score { probability: likelihoods.probability(), weight_bits, reasons }
    }

    /// The probability of a pair, without the reasons.
    pub fn probability(&self, one: &Person, other: &Person, frequencies: &Frequencies) -> f64 {
        self.weighed(one, other, frequencies).1.probability()
    }

    /// Whether the records themselves permit one person, however rare such pairs are: neither
    /// strangers nor relatives are much more likely to look like this.
    pub(super) fn allows(&self, one: &Person, other: &Person, frequencies: &Frequencies) -> bool {
        /// The weight of one typing error.
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

/// Scales the reasons of an address so that they add up to its total weight, since its parts are
/// not independent.
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
    // The difference is distributed in proportion to the weights.
    for reason in &mut parts {
        reason.weight_bits += (whole_bits - sum) * reason.weight_bits.abs() / size;
    }
}
