//! The hypotheses that explain why two records share something: one person, two people of one
//! household, two people behind one contact (a company, a school, an agent), or two strangers.

use super::{
    Field,
    compare::{Observation, Observed},
    model::{Model, Sharing},
};

/// What two people of one household share besides what is learnt.
const OF_HOUSEHOLD: Others = Others { organisation: 0.1, card: 0.3, account: 0.1 };

/// Two people behind one contact have nothing else in common.
const GROUP: Sharing = Sharing { family_name: 0.0, address: 0.8, phone: 0.8, email: 0.9 };
const OF_GROUP: Others = Others { organisation: 0.9, card: 0.1, account: 0.1 };

/// The share of parents and children with the same given name among all pairs of one household.
const NAMESAKES: f64 = 0.008;

/// The share of twins among all pairs of one household.
const TWINS: f64 = 0.008;

/// The share of organisations with the same name behind one contact, for records without a person's
/// name.
const SISTERS: f64 = 0.05;

struct Others {
    organisation: f64,
    card: f64,
    account: f64,
}

/// The likelihood of the observation under each hypothesis, relative to strangers and weighted by
/// the number of such pairs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Likelihoods {
    pub same: f64,
    pub stranger: f64,
    pub household: f64,
    pub group: f64,
    /// The prior share of pairs of one person.
    pub prior: f64,
    /// The contribution of the address to `same`.
    pub address: f64,
}

impl Likelihoods {
    /// The odds that the two are one person.
    pub fn odds(&self) -> f64 {
        self.same / (self.stranger + self.household + self.group)
    }

    /// The probability that the two are different people of one household.
    pub fn of_household(&self) -> f64 {
        self.household / (self.same + self.stranger + self.household + self.group)
    }

    /// The probability that the two are different people of one household, or behind one contact.
    pub fn of_relatives(&self) -> f64 {
        let related = self.household + self.group;
        related / (self.same + self.stranger + related)
    }

    /// The odds of one person against people who only share something.
    pub fn odds_of_relatives(&self) -> f64 {
        self.same / (self.household + self.group)
    }

    pub fn probability(&self) -> f64 {
        let odds = self.odds();
        if odds.is_infinite() { 1.0 } else { odds / (1.0 + odds) }
    }
}

/// The fewest records for which probabilities are given: what a handful of records have in common
/// is not rare for that reason.
const FEWEST_RECORDS: f64 = 500.0;

/// The likelihood of a field that a share of the pairs agree on as one person would, and the others
/// as strangers would.
fn partly(part: f64, ratio: f64) -> f64 {
    part * ratio + (1.0 - part)
}

/// Weighs the hypotheses for a pair out of a number of records.
pub(super) fn weigh(seen: &Observation, model: &Model, people: u64) -> Likelihoods {
    let ratio = |field: Field| seen.of(field).map_or(1.0, |it| model.ratio(field, it));
    let records = (people as f64).max(FEWEST_RECORDS);
    let homes = home_ratio(seen, model);
    let moved = moved_ratio(seen, model);
    let address = model.same_address * homes + (1.0 - model.same_address) * moved;

    let personal = [Field::GivenName, Field::BirthDate, Field::Social, Field::CustomerNumber];
    let shared =
        [Field::FamilyName, Field::Organisation, Field::Phone, Field::Email, Field::LoyaltyCard];
    let accounts = [Field::Account, Field::External];
    let of_all = |fields: &[Field]| fields.iter().map(|field| ratio(*field)).product::<f64>();
    let same = of_all(&personal) * of_all(&shared) * of_all(&accounts) * address;

    // Without a person's name, the organisation itself is the customer.
    let is_company = !seen.has_person;
    let between = |sharing: &Sharing, others: &Others| {
        let organisation = if is_company { SISTERS } else { others.organisation };
        partly(sharing.family_name, ratio(Field::FamilyName))
            * partly(sharing.address, homes.max(moved))
            * partly(sharing.phone, ratio(Field::Phone))
            * partly(sharing.email, ratio(Field::Email))
            * partly(organisation, ratio(Field::Organisation))
            * partly(others.card, ratio(Field::LoyaltyCard))
            * partly(others.account, of_all(&accounts))
    };
    let relatives =
        partly(NAMESAKES, ratio(Field::GivenName)) * partly(TWINS, ratio(Field::BirthDate));
    let prior = model.matches_per_record / records;
    Likelihoods {
        prior,
        same: prior * same,
        stranger: 1.0,
        household: model.housemates_per_record / records
            * between(&model.household, &OF_HOUSEHOLD)
            * relatives,
        group: seen.shared_by * between(&GROUP, &OF_GROUP),
        address,
    }
}

impl Model {
    /// The likelihood ratio of an agreement between records of one person and of strangers.
    pub(super) fn ratio(&self, field: Field, observed: Observed) -> f64 {
        self.same[field.index()][observed.agreement.index()] / observed.chance
    }
}

/// The likelihood ratio of the parts of equal addresses. The town mostly follows from the postcode,
/// and the region from either.
fn home_ratio(seen: &Observation, model: &Model) -> f64 {
    const TOWN_GIVEN_POSTCODE: f64 = 0.4;
    let ratio = |field: Field| seen.of(field).map_or(1.0, |it| model.ratio(field, it));
    let postcode = ratio(Field::Postcode);
    let locality = match ratio(Field::Locality) {
        ratio if postcode > 1.0 && ratio > 1.0 => ratio.powf(TOWN_GIVEN_POSTCODE),
        ratio => ratio,
    };
    let region = match ratio(Field::Region) {
        ratio if ratio > 1.0 && (postcode > 1.0 || locality > 1.0) => 1.0,
        ratio => ratio,
    };
    ratio(Field::Street) * ratio(Field::HouseNumber) * postcode * locality * region
}

/// The likelihood ratio of the parts of an address after a move, which is mostly within the town.
fn moved_ratio(seen: &Observation, model: &Model) -> f64 {
    const WITHIN_TOWN: f64 = 0.4;
    let ratio = |field: Field| seen.of(field).map_or(1.0, |it| model.ratio(field, it));
    let town = ratio(Field::Locality).max(ratio(Field::Region));
    if town > 1.0 { WITHIN_TOWN * town + (1.0 - WITHIN_TOWN) } else { 1.0 }
}

impl Model {
    /// The probability that the records of one person have the same address. None if too little is
    /// known.
    pub(super) fn same_home(&self, seen: &Observation) -> Option<f64> {
        [Field::Street, Field::Postcode].iter().any(|field| seen.of(*field).is_some()).then(|| {
            let same = self.same_address * home_ratio(seen, self);
            same / (same + (1.0 - self.same_address) * moved_ratio(seen, self))
        })
    }
}

impl Model {
    /// For each thing that a household may share, the probability that two people of one household
    /// share it. None if it is not known of both.
    pub(super) fn shared_at_home(&self, seen: &Observation) -> [Option<f64>; 4] {
        let of = |field: Field, part: f64| {
            let ratio = self.ratio(field, seen.of(field)?);
            Some(part * ratio / partly(part, ratio))
        };
        let homes = home_ratio(seen, self).max(moved_ratio(seen, self));
        let address = seen.of(Field::Street).or(seen.of(Field::Postcode));
        let part = self.household.address;
        [
            of(Field::FamilyName, self.household.family_name),
            address.map(|_| part * homes / partly(part, homes)),
            of(Field::Phone, self.household.phone),
            of(Field::Email, self.household.email),
        ]
    }
}
