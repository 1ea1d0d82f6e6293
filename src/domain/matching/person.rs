//! The comparable form of a record: folded texts, packed so that a million records fit in memory.

use crate::{
    domain::{
        address::{house_number_key, house_number_of, postcode_key},
        blocked::Blocked,
        fold,
        identifier::normalise,
        name::fold_name,
    },
    model::{Identifier, IdentifierKind, Profile},
};

use super::{date, names, street};

/// The longest folded value; longer ones are truncated.
const MAX_VALUE_BYTES: usize = 200;

/// How many values of one kind are compared; a person does not have more.
const MAX_VALUES: usize = 20;

/// The attributes of a record in a file or a database. An empty text means unknown; values need not
/// be valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// A full name if its parts are unknown: "Anna van der Berg" or "Berg, Anna van der".
    pub name: String,
    pub given_name: String,
    pub family_name: String,
    pub organisation: String,
    /// A date in any common format.
    pub birth_date: String,
    /// Whether the month precedes the day in a birth date that does not begin with the year.
    pub month_first: bool,
    /// Set if it is not in the lines.
    pub house_number: String,
    /// The street, with or without its number; flats, buildings and districts.
    pub address_lines: Vec<String>,
    pub locality: String,
    pub region: String,
    pub postcode: String,
    pub phones: Vec<String>,
    pub emails: Vec<String>,
    /// Kind, namespace and value of the other identifiers.
    pub identifiers: Vec<(IdentifierKind, String, String)>,
}

/// The parts of the text of a person, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Given,
    Family,
    Organisation,
    BirthDate,
    HouseNumber,
    Street,
    FurtherLines,
    Locality,
    Region,
    Postcode,
    Phones,
    Emails,
    Identifiers,
}

const PARTS: usize = Part::Identifiers as usize + 1;

/// A record, folded for comparison. It holds no value in its original form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The parts, concatenated; lists have one value per line, and words are separated by spaces.
    text: Box<str>,
    ends: [u16; PARTS],
}

impl Person {
    pub fn new(attributes: &Attributes) -> Self {
        let mut packed = Packed::default();
        let (given, family) = match attributes.name.trim().is_empty() {
            true => (fold_name(&attributes.given_name), fold_name(&attributes.family_name)),
            false => names::split_whole(&attributes.name),
        };
        packed.add(&names::without_titles(given).join(" "));
        packed.add(&names::without_titles(family).join(" "));
        packed.add(&names::organisation_key(&attributes.organisation));
        packed.add(&date::date_digits(&attributes.birth_date, attributes.month_first));
        let lines = &attributes.address_lines;
        let number = match house_number_key(&attributes.house_number) {
            number if number.is_empty() => house_number_of(lines).unwrap_or_default(),
            number => number,
        };
        packed.add(&number);
        let mut streets = lines.iter().map(|line| street::street_key(line, &number));
        packed.add(&streets.next().unwrap_or_default());
        packed.add(&streets.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "));
        packed.add(&folded(&attributes.locality));
        packed.add(&folded(&attributes.region));
        packed.add(&postcode_key(&attributes.postcode));
        packed.add_list(attributes.phones.iter().map(|phone| street::phone_digits(phone)));
        packed.add_list(attributes.emails.iter().map(|email| email_key(email)));
        let identifiers = attributes.identifiers.iter().filter(|(_, _, value)| !value.is_empty());
        packed.add_list(identifiers.map(|(kind, namespace, value)| {
            format!("{}:{namespace}/{value}", kind.code()).replace('\n', " ")
        }));
        packed.into_person()
    }

    /// The person of a customer's profile and identifiers.
    pub fn of_customer(profile: &Profile, identifiers: &[Identifier]) -> Self {
        let values = |kind: IdentifierKind| {
            let of_kind = identifiers.iter().filter(move |identifier| identifier.kind == kind);
            of_kind.map(|identifier| identifier.value.clone()).collect::<Vec<_>>()
        };
        let others = identifiers.iter().filter(|identifier| {
            !matches!(identifier.kind, IdentifierKind::Phone | IdentifierKind::Email)
        });
        Self::new(&Attributes {
            name: String::new(),
            given_name: profile.given_name.clone(),
            family_name: profile.family_name.clone(),
            organisation: profile.organisation.clone(),
            birth_date: profile.birth_date.clone(),
            month_first: false,
            house_number: profile.address.house_number.clone(),
            address_lines: profile.address.lines.clone(),
            locality: profile.address.locality.clone(),
            region: profile.address.region.clone(),
            postcode: profile.address.postcode.clone(),
            phones: values(IdentifierKind::Phone),
            emails: values(IdentifierKind::Email),
            identifiers: others
                .map(|it| (it.kind, it.namespace.clone(), it.value.clone()))
                .collect(),
        })
    }

    pub(super) fn part(&self, part: Part) -> &str {
        let index = part as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[usize::from(start)..usize::from(self.ends[index])]
    }

    pub(super) fn list(&self, part: Part) -> impl Iterator<Item = &str> + Clone {
        self.part(part).split('\n').filter(|value| !value.is_empty())
    }
}

#[derive(Debug, Default)]
struct Packed {
    text: String,
    ends: Vec<u16>,
}

impl Packed {
    fn add(&mut self, value: &str) {
        self.text.push_str(&value[..value.floor_char_boundary(MAX_VALUE_BYTES)]);
        self.end();
    }

    fn add_list(&mut self, values: impl Iterator<Item = String>) {
        let mut values: Vec<String> = values.filter(|value| !value.is_empty()).collect();
        values.sort();
        values.dedup();
        for value in values.iter().take(MAX_VALUES) {
            self.text.push_str(&value[..value.floor_char_boundary(2 * MAX_VALUE_BYTES)]);
            self.text.push('\n');
        }
        self.end();
    }

    /// Ends a part. All parts together stay below 64 KiB: see the limits above.
    fn end(&mut self) {
        self.ends.push(u16::try_from(self.text.len()).unwrap_or(u16::MAX));
    }

    fn into_person(self) -> Person {
        let mut ends = [0; PARTS];
        ends.copy_from_slice(&self.ends);
        Person { text: self.text.into_boxed_str(), ends }
    }
}

/// The folded words of a text, in their order.
fn folded(text: &str) -> String {
    fold::tokens(text).flat_map(fold::words).collect::<Vec<_>>().join(" ")
}

/// The key of an address, or an approximation for a mistyped one. Empty for a placeholder.
fn email_key(raw: &str) -> String {
    match normalise(IdentifierKind::Email, "", raw, None, Some(&Blocked::default())) {
        Ok(identifier) => identifier.value,
        Err(crate::domain::identifier::Fault::Blocked) => String::new(),
        Err(_) => {
            let text: String = raw.to_lowercase().split_whitespace().collect();
            if text.contains('@') && text.len() > 5 { text } else { String::new() }
        }
    }
}
