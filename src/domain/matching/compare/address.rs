//! Compares addresses.

use strsim::osa_distance;

use crate::domain::matching::{
    Agreement, Field,
    frequency::{Term, dwelling},
    person::{Part, Person},
};

use super::{Comparer, Observation, Observed};

impl Comparer<'_> {
    pub(super) fn address(&self, one: &Person, other: &Person, seen: &mut Observation) {
        seen.set(Field::Street, self.street(one, other));
        seen.set(Field::HouseNumber, self.house_number(one, other));
        seen.set(Field::Postcode, self.postcode(one, other));
        let localities = (one.part(Part::Locality), other.part(Part::Locality));
        seen.set(Field::Locality, self.text(Field::Locality, Term::Locality, localities));
        let regions = (one.part(Part::Region), other.part(Part::Region));
        seen.set(Field::Region, self.text(Field::Region, Term::Region, regions));

        let home = dwelling(one);
        if !home.is_empty() && home == dwelling(other) {
            seen.shared_by = seen.shared_by.max(self.frequencies.share(Term::Dwelling, &home));
        }
    }

    /// The street, which may be in the second line if the first is the name of a building.
    fn street(&self, one: &Person, other: &Person) -> Option<Observed> {
        let lines = |person: &Person| {
            let lines = [person.part(Part::Street), person.part(Part::FurtherLines)];
            lines.map(str::to_owned)
        };
        let (lines, others) = (lines(one), lines(other));
        let of = |at: usize, other: usize| {
            self.text(Field::Street, Term::Street, (&lines[at], &others[other]))
        };
        let mut best = of(0, 0);
        for (at, other) in [(0, 1), (1, 0), (1, 1)] {
            if best.is_some_and(|best| best.agreement < Agreement::Similar) {
                break;
            }
            match (of(at, other), best) {
                (Some(found), Some(before)) if found.agreement < before.agreement => {
                    best = Some(found);
                }
                (found, None) => best = found,
                _ => {}
            }
        }
        best
    }

    fn house_number(&self, one: &Person, other: &Person) -> Option<Observed> {
        let (one, other) = (one.part(Part::HouseNumber), other.part(Part::HouseNumber));
        if one.is_empty() || other.is_empty() {
            return None;
        }
        let base =
            |number: &str| -> String { number.chars().take_while(char::is_ascii_digit).collect() };
        let agreement = if one == other {
            Agreement::Exact
        } else if base(one) == base(other)
            || (one.len().max(other.len()) >= 2 && osa_distance(one, other) == 1)
        {
            Agreement::Near
        } else {
            Agreement::Different
        };
        let chance = match agreement {
            Agreement::Exact => self.frequencies.chance(Term::HouseNumber, one, 2),
            _ => self.stranger(Field::HouseNumber, agreement),
        };
        Some(Observed { agreement, chance })
    }

    fn postcode(&self, one: &Person, other: &Person) -> Option<Observed> {
        let (one, other) = (one.part(Part::Postcode), other.part(Part::Postcode));
        if one.is_empty() || other.is_empty() {
            return None;
        }
        let area = |code: &str| code.get(..code.len().div_ceil(2)).map(str::to_owned);
        let agreement = if one == other {
            Agreement::Exact
        } else if one.len().min(other.len()) >= 4 && osa_distance(one, other) == 1 {
            Agreement::Near
        } else if one.len().min(other.len()) >= 4
            && (area(one) == area(other) || one.starts_with(other) || other.starts_with(one))
        {
            Agreement::Similar
        } else {
            Agreement::Different
        };
        let chance = match agreement {
            Agreement::Exact => self.frequencies.chance(Term::Postcode, one, 2),
            _ => self.stranger(Field::Postcode, agreement),
        };
        Some(Observed { agreement, chance })
    }
}
