//! Given and family names, in their places or in each other's.

use crate::story::matching::{
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

    /// How much likelier the two names are in one person's records than in those of strangers.
    fn ratio(&self, names: &[Option<Observed>; 2]) -> f64 {
        let of = |field: Field, observed: &Option<Observed>| {
            let ratio =
                |it: Observed| self.model.same[field.index()][it.agreement.index()] / it.chance;
            observed.map_or(1.0, ratio)
        };
        of(Field::GivenName, &names[0]) * of(Field::FamilyName, &names[1])
    }

    /// Names in each other's place, as an observation of both fields: the given name bears what
    /// that costs.
    fn transposed(&self, crossed: [Option<Observed>; 2]) -> [Option<Observed>; 2] {
        let rate = |observed: Observed| {
            self.model.same[Field::FamilyName.index()][observed.agreement.index()]
        };
        let (bearer, family) = match crossed {
            [None, second] => (second, None),
            [first, second] => (first, second),
        };
        let given = bearer.map(|observed| Observed {
            agreement: Agreement::Transposed,
            chance: (observed.chance / rate(observed)).min(1.0),
        });
        [given, family]
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
        let observed =
            |agreement| self.observed(Field::GivenName, agreement, Term::Given, one, other);
        let like = likeness(one, other);
        if like == Likeness::Same || single_letters(one) == single_letters(other) {
            return Some(observed(Agreement::Exact));
        }
        let (first, others_first) = (first_word(one), first_word(other));
        if first.len() == 1 || others_first.len() == 1 {
            let same = first.as_bytes().first() == others_first.as_bytes().first();
            return Some(observed(if same { Agreement::Initial } else { Agreement::Different }));
        }
        if nickname::is_form(first, others_first) {
            return Some(self.observed(
                Field::GivenName,
                Agreement::Nickname,
                Term::Given,
                first,
                others_first,
            ));
        }
        if one.contains(' ') || other.contains(' ') {
            let shared = one
                .split(' ')
                .find(|word| word.len() > 1 && other.split(' ').any(|others| others == *word));
            if let Some(word) = shared {
                let chance = self.frequencies.chance(Term::Given, word, 2);
                let usual = self.stranger(Field::GivenName, Agreement::Part);
                let agreement = Agreement::Part;
                return Some(Observed { agreement, chance: chance.max(usual) });
            }
        }
        Some(observed(match like {
            Likeness::Near => Agreement::Near,
            Likeness::Similar => Agreement::Similar,
            _ if sounds_alike(one, other) => Agreement::Similar,
            _ => Agreement::Different,
        }))
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
            let chance = self.frequencies.chance(Term::Family, word, 2);
            let usual = self.stranger(Field::FamilyName, Agreement::Part);
            return Some(Observed { agreement: Agreement::Part, chance: chance.max(usual) });
        }
        Some(observed(match like {
            Likeness::Near => Agreement::Near,
            Likeness::Similar => Agreement::Similar,
            _ if sounds_alike(&key, &others_key) => Agreement::Similar,
            _ => Agreement::Different,
        }))
    }
}

fn first_word(name: &str) -> &str {
    name.split(' ').next().unwrap_or_default()
}

/// Names of few consonants sound like many others.
fn sounds_alike(one: &str, other: &str) -> bool {
    let code = sound::code(one);
    code.len() >= 3 && code == sound::code(other)
}
