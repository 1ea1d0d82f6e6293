//! Compares telephone numbers, mailboxes and other identifiers.

use strsim::osa_distance;

use crate::{
    domain::matching::{
        Agreement, Field,
        frequency::Term,
        person::{Part, Person},
        street::phone_tail,
    },
    model::IdentifierKind,
};

use super::{Comparer, Observation, Observed};

/// If mailboxes of a domain differ only in the local part, the domain says nothing. A local part of
/// at least this length is personal.
const OWN_LOCAL_BYTES: usize = 5;

impl Comparer<'_> {
    pub(super) fn contacts(&self, one: &Person, other: &Person, seen: &mut Observation) {
        let (phone, shared_by) = self.best(one, other, Part::Phones, |a, b| self.phone(a, b));
        seen.set(Field::Phone, phone);
        seen.shared_by = seen.shared_by.max(shared_by);
        let same_name = [Field::GivenName, Field::FamilyName].iter().any(|name| {
            seen.of(*name).is_some_and(|observed| observed.agreement < Agreement::Similar)
        });
        let (email, shared_by) =
            self.best(one, other, Part::Emails, |a, b| self.email(a, b, same_name, [one, other]));
        seen.set(Field::Email, email);
        seen.shared_by = seen.shared_by.max(shared_by);
        self.identifiers(one, other, seen);
    }

    /// The closest agreement of two lists, and how widely the agreed value is shared.
    fn best(
        &self,
        one: &Person,
        other: &Person,
        part: Part,
        compare: impl Fn(&str, &str) -> (Observed, f64),
    ) -> (Option<Observed>, f64) {
        let mut best: Option<(Observed, f64)> = None;
        for value in one.list(part) {
            for others in other.list(part) {
                let found = compare(value, others);
                let is_better = best.is_none_or(|(before, _)| {
                    let order = |it: Observed| (it.agreement, it.chance);
                    order(found.0) < order(before)
                });
                if is_better {
                    best = Some(found);
                }
            }
        }
        best.map_or((None, 0.0), |(observed, shared_by)| (Some(observed), shared_by))
    }

    fn phone(&self, one: &str, other: &str) -> (Observed, f64) {
        let (longer, shorter) = if one.len() >= other.len() { (one, other) } else { (other, one) };
        let tail = phone_tail(one);
        // One of them lacks the country or area code.
        let is_same = one == other || (shorter.len() >= 7 && longer.ends_with(shorter));
        if is_same {
            let chance = self.frequencies.chance(Term::Phone, tail, 2);
            let shared_by = self.frequencies.share(Term::Phone, tail);
            return (Observed { agreement: Agreement::Exact, chance }, shared_by);
        }
        let is_near = shorter.len() >= 7 && osa_distance(tail, phone_tail(other)) == 1;
        let agreement = if is_near { Agreement::Near } else { Agreement::Different };
        let chance = self.stranger(Field::Phone, agreement);
        (Observed { agreement, chance }, 0.0)
    }

    fn email(
        &self,
        one: &str,
        other: &str,
        same_name: bool,
        people: [&Person; 2],
    ) -> (Observed, f64) {
        if one == other {
            let chance = self.frequencies.chance(Term::Email, one, 2);
            let shared_by = self.frequencies.share(Term::Email, one);
            return (Observed { agreement: Agreement::Exact, chance }, shared_by);
        }
        let (local, domain) = one.split_once('@').unwrap_or((one, ""));
        let (others_local, others_domain) = other.split_once('@').unwrap_or((other, ""));
        let shorter = local.len().min(others_local.len());
        let edits = match local.len().abs_diff(others_local.len()) {
            0..=2 => osa_distance(local, others_local),
            apart => apart,
        };
        let agreement = match edits {
            0 if shorter >= OWN_LOCAL_BYTES => Agreement::Near,
            0 if osa_distance(domain, others_domain) <= 2 => Agreement::Near,
            1 if shorter >= OWN_LOCAL_BYTES && domain == others_domain => Agreement::Near,
            2 if shorter >= 8 && domain == others_domain => Agreement::Near,
            1 | 2 if shorter >= 8 => Agreement::Similar,
            _ => Agreement::Different,
        };
        let mut chance = self.stranger(Field::Email, agreement);
        if agreement != Agreement::Different {
            let own = if edits == 0 { 2 } else { 1 };
            for local in [local, others_local] {
                chance = chance.max(self.frequencies.chance(Term::EmailLocal, local, own));
            }
            if same_name && people.iter().any(|person| is_made_of_name(local, person)) {
                // People with the same name choose similar mailboxes: only the digits distinguish
                // them.
                let digits = local.bytes().filter(u8::is_ascii_digit).count();
                chance = chance.max(if digits >= 2 { 0.005 } else { 0.05 });
            }
        }
        (Observed { agreement, chance }, 0.0)
    }

    fn identifiers(&self, one: &Person, other: &Person, seen: &mut Observation) {
        const KINDS: [(IdentifierKind, Field); 5] = [
            (IdentifierKind::Social, Field::Social),
            (IdentifierKind::Account, Field::Account),
            (IdentifierKind::CustomerNumber, Field::CustomerNumber),
            (IdentifierKind::LoyaltyCard, Field::LoyaltyCard),
            (IdentifierKind::External, Field::External),
        ];
        if one.part(Part::Identifiers).is_empty() || other.part(Part::Identifiers).is_empty() {
            return;
        }
        for (kind, field) in KINDS {
            let start = format!("{}:", kind.code());
            let of_kind = |value: &&str| value.starts_with(&start);
            let mut is_known_to_both = false;
            let mut equal = None;
            for value in one.list(Part::Identifiers).filter(of_kind) {
                for others in other.list(Part::Identifiers).filter(of_kind) {
                    is_known_to_both |= namespace(value) == namespace(others);
                    if value == others {
                        equal = Some(value);
                    }
                }
            }
            let observed = match equal {
                Some(value) => {
                    let chance = self.frequencies.chance(Term::Identifier, value, 2);
                    Some(Observed { agreement: Agreement::Exact, chance })
                }
                None => is_known_to_both.then(|| Observed {
                    agreement: Agreement::Different,
                    chance: self.stranger(field, Agreement::Different),
                }),
            };
            seen.set(field, observed);
        }
    }
}

/// The kind and namespace of a key `kind:namespace/value`.
fn namespace(key: &str) -> &str {
    key.split('/').next().unwrap_or_default()
}

/// Whether a mailbox contains the name of its owner.
fn is_made_of_name(local: &str, person: &Person) -> bool {
    let letters: String = local.chars().filter(char::is_ascii_alphabetic).collect();
    let names = person.part(Part::Given).split(' ').chain(person.part(Part::Family).split(' '));
    names.into_iter().any(|name| name.len() >= 3 && letters.contains(name))
}
