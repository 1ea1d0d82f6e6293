//! The blocking keys that select candidates: two records that share one are compared.

use super::{
    date,
    frequency::stable_hash,
    names,
    person::{Part, Person},
    sound,
    street::phone_tail,
};

/// The largest block: a key that more records share is skipped. This bounds the comparisons of a
/// record to this many for each of its keys. Pairs that agree only on a common value, such as a
/// common name, are missed, but comparing them would not identify them either: each key of one
/// field is complemented by keys of two fields, whose blocks stay small.
pub const MAX_BLOCK: usize = 60;

/// The kinds of keys. The numbers are part of the keys: never change one.
#[derive(Clone, Copy)]
enum Key {
    Email = 101,
    EmailLocal = 102,
    Phone = 103,
    Identifier = 104,
    /// The birth date alone, with the lesser of day and month first.
    BirthDate = 105,
    /// The birth date with the sound of one name.
    DateName = 106,
    /// The sounds of both names, in either order.
    Names = 107,
    NamesYear = 108,
    NamesDay = 109,
    NamesPlace = 110,
    /// The sound of one name with the postcode, or with the town if there is no postcode.
    PlaceName = 112,
    StreetName = 113,
    Dwelling = 114,
    StreetNumber = 115,
    PlaceDate = 116,
    Organisation = 117,
    WholeNames = 118,
    /// The birth year with the sound of one name.
    YearName = 119,
    /// The sound of a mailbox's letters, with its digits.
    EmailSound = 120,
}

/// The blocking keys of a record, each once. They must be the same in every version of the program.
pub fn block_keys(person: &Person) -> Vec<i64> {
    let mut keys = Keys(Vec::with_capacity(24));
    for email in person.list(Part::Emails) {
        keys.add(Key::Email, email);
        let local = email.split('@').next().unwrap_or_default();
        if local.len() >= 4 {
            keys.add(Key::EmailLocal, local);
            let letters: String = local.chars().filter(char::is_ascii_alphabetic).collect();
            let digits: String = local.chars().filter(char::is_ascii_digit).collect();
            keys.add(Key::EmailSound, &(sound::code(&letters) + &digits));
        }
    }
    person.list(Part::Phones).for_each(|phone| keys.add(Key::Phone, phone_tail(phone)));
    person.list(Part::Identifiers).for_each(|value| keys.add(Key::Identifier, value));
    let organisation = person.part(Part::Organisation);
    if !organisation.is_empty() {
        keys.add(Key::Organisation, &organisation.replace(' ', ""));
    }

    let sounds = Sounds::of(person);
    let birth_date = person.part(Part::BirthDate);
    let postcode = person.part(Part::Postcode);
    let locality = person.part(Part::Locality).replace(' ', "");
    let number = person.part(Part::HouseNumber);
    let street = street_sound(person.part(Part::Street));
    if !birth_date.is_empty() {
        let day = either_order(birth_date);
        keys.add(Key::BirthDate, &day);
        for sound in sounds.each() {
            keys.join(Key::DateName, &[&day, sound]);
        }
        keys.join(Key::PlaceDate, &[&day, postcode]);
        if let Some((year, _, _)) = date::split(birth_date) {
            for sound in sounds.each() {
                keys.join(Key::YearName, &[year, sound]);
            }
        }
    }
    if let Some(names) = sounds.both() {
        keys.add(Key::Names, &names);
        if let Some((year, month, day)) = date::split(birth_date) {
            keys.join(Key::NamesYear, &[&names, year]);
            keys.join(Key::NamesDay, &[&names, month, day]);
        }
        keys.join(Key::NamesPlace, &[&names, &sound::code(&locality)]);
    }
    let given = person.part(Part::Given).split(' ').next().unwrap_or_default();
    let family = names::family_key(person.part(Part::Family));
    keys.join(Key::WholeNames, &[given, &family]);
    let place = if postcode.is_empty() { sound::code(&locality) } else { postcode.to_owned() };
    for sound in sounds.each() {
        keys.join(Key::PlaceName, &[&place, sound]);
        keys.join(Key::StreetName, &[&street, sound]);
    }
    keys.join(Key::Dwelling, &[postcode, number]);
    keys.join(Key::StreetNumber, &[&street, number]);
    keys.0.sort_unstable();
    keys.0.dedup();
    keys.0
}

struct Keys(Vec<i64>);

impl Keys {
    fn add(&mut self, key: Key, value: &str) {
        self.0.push(stable_hash(key as u8, value));
    }

    /// A key of several values; none if one of them is unknown.
    fn join(&mut self, key: Key, values: &[&str]) {
        if values.iter().all(|value| !value.is_empty()) {
            self.add(key, &values.join("/"));
        }
    }
}

/// The sounds of a person's names.
struct Sounds {
    given: String,
    family: String,
}

impl Sounds {
    fn of(person: &Person) -> Self {
        let given = person.part(Part::Given).split(' ').next().unwrap_or_default();
        let family = names::family_key(person.part(Part::Family));
        Self { given: sound::code(given), family: sound::code(&family) }
    }

    fn each(&self) -> impl Iterator<Item = &str> {
        [self.given.as_str(), self.family.as_str()].into_iter().filter(|sound| !sound.is_empty())
    }

    /// Both sounds in a fixed order, whichever name is the given one.
    fn both(&self) -> Option<String> {
        let (first, second) = match self.given <= self.family {
            true => (&self.given, &self.family),
            false => (&self.family, &self.given),
        };
        (!first.is_empty()).then(|| format!("{first}/{second}"))
    }
}

/// A date with the lesser of day and month first, since the two are often swapped.
fn either_order(digits: &str) -> String {
    match date::split(digits) {
        Some((year, month, day)) if day < month => format!("{year}{day}{month}"),
        _ => digits.to_owned(),
    }
}

/// The sound of the longest word of a street.
fn street_sound(street: &str) -> String {
    let longest = street.split(' ').max_by_key(|word| word.len()).unwrap_or_default();
    sound::code(longest)
}
