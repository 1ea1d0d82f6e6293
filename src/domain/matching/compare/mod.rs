//! Compares two records field by field, with the probability that strangers agree as much.

mod address;
mod contact;
mod name;
mod text;

use super::{
    Field, Frequencies,
    frequency::Term,
    model::Model,
    person::{Part, Person},
};
use crate::domain::matching::Agreement;
pub(super) use text::{Likeness, likeness};

/// The agreement of two values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Observed {
    pub agreement: Agreement,
    /// The probability that strangers agree as much.
    pub chance: f64,
}

/// The observations of a pair.
#[derive(Clone, Debug, Default)]
pub(super) struct Observation {
    fields: [Option<Observed>; Field::COMPARED.len()],
    /// The share of all records that have the most widely shared contact of the two.
    pub shared_by: f64,
    /// Whether at least one of the two has the name of a person.
    pub has_person: bool,
}

impl Observation {
    pub fn of(&self, field: Field) -> Option<Observed> {
        self.fields[field.index()]
    }

    /// Whether the two share a street, a number or a mailbox.
    pub fn shares_contact(&self) -> bool {
        [Field::Street, Field::Phone, Field::Email].iter().any(|field| {
            self.of(*field).is_some_and(|observed| observed.agreement < Agreement::Similar)
        })
    }

    fn set(&mut self, field: Field, observed: Option<Observed>) {
        self.fields[field.index()] = observed;
    }

    fn is_exact(&self, field: Field) -> bool {
        self.of(field).is_some_and(|observed| observed.agreement == Agreement::Exact)
    }
}

/// Compares records by the frequencies of their values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparer<'a> {
    pub model: &'a Model,
    pub frequencies: &'a Frequencies,
}

impl Comparer<'_> {
    pub fn observe(&self, one: &Person, other: &Person) -> Observation {
        let mut seen = Observation::default();
        self.names(one, other, &mut seen);
        let names = |person: &Person| {
            !person.part(Part::Given).is_empty() || !person.part(Part::Family).is_empty()
        };
        seen.has_person = names(one) || names(other);
        let organisations = (one.part(Part::Organisation), other.part(Part::Organisation));
        seen.set(
            Field::Organisation,
            self.text(Field::Organisation, Term::Organisation, organisations),
        );
        seen.set(Field::BirthDate, self.birth_date(one, other));
        self.address(one, other, &mut seen);
        self.contacts(one, other, &mut seen);
        if seen.is_exact(Field::Organisation) {
            let share = self.frequencies.share(Term::Organisation, organisations.0);
            seen.shared_by = seen.shared_by.max(share);
        }
        seen
    }

    /// The rate at which strangers agree, by the model.
    fn stranger(&self, field: Field, agreement: Agreement) -> f64 {
        self.model.stranger[field.index()][agreement.index()]
    }

    /// The agreement of two texts that are compared only by their letters.
    fn text(&self, field: Field, term: Term, (one, other): (&str, &str)) -> Option<Observed> {
        if one.is_empty() || other.is_empty() {
            return None;
        }
        let agreement = match likeness(one, other) {
            Likeness::Same => Agreement::Exact,
            Likeness::Near => Agreement::Near,
            Likeness::Similar if self.stranger(field, Agreement::Similar) > 0.0 => {
                Agreement::Similar
            }
            Likeness::Similar | Likeness::Different => Agreement::Different,
        };
        Some(self.observed(field, agreement, term, one, other))
    }

    /// An agreement with its probability.
    fn observed(
        &self,
        field: Field,
        agreement: Agreement,
        term: Term,
        one: &str,
        other: &str,
    ) -> Observed {
        let chance = match agreement {
            // One name may have two spellings.
            Agreement::Exact if one != other => {
                let of = |value| self.frequencies.chance(term, value, 1);
                of(one).max(of(other))
            }
            Agreement::Exact => self.frequencies.chance(term, one, 2),
            Agreement::Different | Agreement::Initial => self.stranger(field, agreement),
            _ => self.chance_of_variant(field, agreement, term, one, other),
        };
        Observed { agreement, chance }
    }

    /// The probability of two values that are similar but not equal. Either one is a misspelling of
    /// the other, which is as frequent among strangers as the commoner of the two. Or both are
    /// values in use; then the rarer one being common indicates that nobody erred: Anna and Anne
    /// are two people.
    fn chance_of_variant(
        &self,
        field: Field,
        agreement: Agreement,
        term: Term,
        one: &str,
        other: &str,
    ) -> f64 {
        /// One misspelling in so many is the one observed.
        const WAYS_TO_ERR: f64 = 20.0;
        let one = self.frequencies.chance(term, one, 1);
        let other = self.frequencies.chance(term, other, 1);
        let ways = if agreement == Agreement::Near { WAYS_TO_ERR } else { 1.0 };
        self.stranger(field, agreement).max(one.max(other)).max(one.min(other) * ways).min(1.0)
    }

    fn birth_date(&self, one: &Person, other: &Person) -> Option<Observed> {
        /// A day that more than this share of all people are said to be born on is a placeholder.
        const MOST_ON_ONE_DAY: f64 = 0.01;
        let (one, other) = (one.part(Part::BirthDate), other.part(Part::BirthDate));
        let agreement = text::dates(one, other)?;
        let observed = self.observed(Field::BirthDate, agreement, Term::BirthDate, one, other);
        // In a small file, twins and duplicates must not turn a day into a placeholder.
        let placeholder = |day: &str| {
            let others = self.frequencies.others(Term::BirthDate, day, 2);
            others >= 10 && self.frequencies.share(Term::BirthDate, day) > MOST_ON_ONE_DAY
        };
        if agreement != Agreement::Exact && (placeholder(one) || placeholder(other)) {
            return None;
        }
        // The probability of equal days is known better than any file could tell.
        let chance = match agreement {
            Agreement::Exact | Agreement::Different => observed.chance,
            _ => self.stranger(Field::BirthDate, agreement),
        };
        Some(Observed { agreement, chance })
    }
}
