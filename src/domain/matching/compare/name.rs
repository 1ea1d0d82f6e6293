//! Compares given and family names, also swapped.

use crate::domain::matching::{
    Agreement, Field,
    frequency::Term,
    names::{family_key, single_letters, without_particles},
    nickname,
    person::{Part, Person},
    sound,
};

use super::{Comparer, Likeness, Observation, Observed, likeness};

impl Comparer<'_> {
    pub(super) fn names(&self, one: &Person, other: &Person, seen: &mut Observation) {
        let (given, others_given) = (one.part(Part::Given), other.part(Part::Given));
        let (family, others_family) = (one.part(Part::Family), other.part(Part::Family));
        let straight = [self.given(given, others_given), self.family(family, others_family)];
        let is_settled = |observed: &Option<Observed>| {
            observed.is_some_and(|it| matches!(it.agreement, Agreement::Exact | Agreement::Near))
        };
        let mut names = straight;
        if !straight.iter().any(is_settled) {
            let crossed = [self.crossed(given, others_family), self.crossed(family, others_given)];
            let places = self.model.same[Field::GivenName.index()][Agreement::Transposed.index()];
            if self.ratio(&crossed) * places > self.ratio(&straight) {
                names = self.transposed(crossed);
            }
        }
        seen.set(Field::GivenName, names[0]);
        seen.set(Field::FamilyName, names[1]);
    }

    /// The likelihood ratio of the two names between records of one person and of strangers.
    fn ratio(&self, names: &[Option<Observed>; 2]) -> f64 {
        let of = |field: Field, observed: &Option<Observed>| {
            let ratio =
                |it: Observed| self.model.same[field.index()][it.agreement.index()] / it.chance;
            observed.map_or(1.0, ratio)
        };
        of(Field::GivenName, &names[0]) * of(Field::FamilyName, &names[1])
    }

    /// Swapped names, as an observation of both fields. The given name bears the penalty; if only
    /// one name is known twice, it counts as the family name.
    fn transposed(&self, crossed: [Option<Observed>; 2]) -> [Option<Observed>; 2] {
        let rate = |observed: Observed| {
            self.model.same[Field::FamilyName.index()][observed.agreement.index()]
        };
        let bearing = |observed: Observed| Observed {
            agreement: Agreement::Transposed,
            chance: (observed.chance / rate(observed)).min(1.0),
        };
        match crossed {
            [Some(given), Some(family)] => [Some(bearing(given)), Some(family)],
            [one, other] => [None, one.or(other).map(bearing)],
        }
    }

    /// A given name against a family name.
    fn crossed(&self, one: &str, other: &str) -> Option<Observed> {
        let (one, other) = (family_key(one), family_key(other));
        if one.is_empty() || other.is_empty() {
            return None;
        }
        let agreement = match likeness(&one, &other) {
            Likeness::Same => Agreement::Exact,
            Likeness::Near => Agreement::Near,
            Likeness::Similar | Likeness::Different => Agreement::Different,
        };
        let field = Field::FamilyName;
        let as_given = self.observed(field, agreement, Term::Given, &one, &other);
        let as_family = self.observed(field, agreement, Term::Family, &one, &other);
        Some(if as_given.chance > as_family.chance { as_given } else { as_family })
    }

    fn given(&self, one: &str, other: &str) -> Option<Observed> {
        if one.is_empty() || other.is_empty() {
            return None;
        }
        if one == other || single_letters(one) == single_letters(other) {
            return Some(self.observed(
                Field::GivenName,
                Agreement::Exact,
                Term::Given,
                one,
                other,
            ));
        }
        let (first, further) = one.split_once(' ').unwrap_or((one, ""));
        let (others_first, others_further) = other.split_once(' ').unwrap_or((other, ""));
        let observed = |agreement| {
            self.observed(Field::GivenName, agreement, Term::Given, first, others_first)
        };
        let found = self.first_name(first, others_first);
        let is_settled = found.agreement < Agreement::Near;
        if !is_settled && (!further.is_empty() || !others_further.is_empty()) {
            let shared = one
                .split(' ')
                .find(|word| word.len() > 1 && other.split(' ').any(|it| it == *word));
            if let Some(word) = shared {
                return Some(self.part(Field::GivenName, Term::Given, word));
            }
        }
        // Two people with the same first name are distinguished by the second.
        let differ = !further.is_empty()
            && !others_further.is_empty()
            && further.as_bytes()[0] != others_further.as_bytes()[0];
        Some(match found.agreement {
            Agreement::Exact if differ => self.part(Field::GivenName, Term::Given, first),
            Agreement::Near | Agreement::Similar if differ => observed(Agreement::Different),
            _ => found,
        })
    }

    /// An agreement on one of several names.
    fn part(&self, field: Field, term: Term, word: &str) -> Observed {
        let chance = self.frequencies.chance(term, word, 2);
        let agreement = Agreement::Part;
        Observed { agreement, chance: chance.max(self.stranger(field, agreement)) }
    }

    fn first_name(&self, one: &str, other: &str) -> Observed {
        let observed =
            |agreement| self.observed(Field::GivenName, agreement, Term::Given, one, other);
        if one == other || single_letters(one) == single_letters(other) {
            return observed(Agreement::Exact);
        }
        if one.len() == 1 || other.len() == 1 {
            let same = one.as_bytes().first() == other.as_bytes().first();
            return observed(if same { Agreement::Initial } else { Agreement::Different });
        }
        if nickname::is_form(one, other) {
            return observed(Agreement::Nickname);
        }
        let like = likeness(one, other);
        let is_short =
            one.len().min(other.len()) >= 3 && (one.starts_with(other) || other.starts_with(one));
        observed(match like {
            Likeness::Near => Agreement::Near,
            Likeness::Similar => Agreement::Similar,
            _ if is_short || sounds_alike(one, other) => Agreement::Similar,
            _ => Agreement::Different,
        })
    }

    fn family(&self, one: &str, other: &str) -> Option<Observed> {
        if one.is_empty() || other.is_empty() {
            return None;
        }
        let (key, others_key) = (family_key(one), family_key(other));
        let observed = |agreement| {
            self.observed(Field::FamilyName, agreement, Term::Family, &key, &others_key)
        };
        let like = likeness(&key, &others_key);
        if like == Likeness::Same
            || one.replace(' ', "") == other.replace(' ', "")
            || single_letters(&key) == single_letters(&others_key)
        {
            return Some(observed(Agreement::Exact));
        }
        if key.len() == 1 || others_key.len() == 1 {
            let same = key.as_bytes().first() == others_key.as_bytes().first();
            return Some(observed(if same { Agreement::Initial } else { Agreement::Different }));
        }
        let mut words = without_particles(one);
        let shared = words
            .find(|word| word.len() > 2 && without_particles(other).any(|others| others == *word));
        if let Some(word) = shared {
            return Some(self.part(Field::FamilyName, Term::Family, word));
        }
        Some(observed(match like {
            Likeness::Near => Agreement::Near,
            Likeness::Similar => Agreement::Similar,
            _ if sounds_alike(&key, &others_key) => Agreement::Similar,
            _ => Agreement::Different,
        }))
    }
}

/// Whether two names sound alike. Names with few consonants sound like many others.
fn sounds_alike(one: &str, other: &str) -> bool {
    let code = sound::code(one);
    code.len() >= 3 && one.as_bytes()[0] == other.as_bytes()[0] && code == sound::code(other)
}
