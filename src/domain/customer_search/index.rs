//! The index rows by which a customer is found.

use std::collections::BTreeSet;

use crate::{domain::name, model::Profile};

/// How many words of all names of a customer are indexed.
const MAX_WORDS: usize = 24;
/// How many of them are indexed in pairs.
const MAX_PAIRED: usize = 8;
/// How many words of an e-mail address are indexed, besides its beginning.
const MAX_PARTS: usize = 5;

/// The distinct folded words of all names of a profile, in their order.
pub fn name_words(profile: &Profile) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for text in [&profile.given_name, &profile.family_name, &profile.organisation] {
        for word in name::fold_name(text) {
            if !words.contains(&word) {
                words.push(word);
            }
        }
    }
    words.truncate(MAX_WORDS);
    words
}

/// The rows of `customer_names`: each word of the name with each other word, so that a query of two
/// common words leads straight to the customers with both. A name of one word is a row by itself.
/// The family name (or the organisation) is also paired with the locality, marked by '@'.
pub fn name_rows(profile: &Profile) -> BTreeSet<(String, String)> {
    let words = name_words(profile);
    let mut rows = BTreeSet::new();
    for (at, word) in words.iter().enumerate() {
        let paired = words.iter().take(MAX_PAIRED).filter(|other| *other != word);
        if words.len() == 1 || at >= MAX_PAIRED {
            rows.insert((word.clone(), String::new()));
        } else {
            rows.extend(paired.map(|other| (word.clone(), other.clone())));
        }
    }
    if let (Some(name), Some(place)) = (main_word(profile), place_word(profile)) {
        rows.insert((name, format!("@{place}")));
    }
    rows
}

/// The last word of the family name, which is never a particle.
fn main_word(profile: &Profile) -> Option<String> {
    let last = |text: &str| name::fold_name(text).pop();
    last(&profile.family_name)
        .or_else(|| name::fold_name(&profile.organisation).into_iter().next())
        .or_else(|| last(&profile.given_name))
}

/// The longest word of the locality: "Haag" of "Den Haag".
fn place_word(profile: &Profile) -> Option<String> {
    let words = name::fold_name(&profile.address.locality);
    words.into_iter().rev().max_by_key(String::len)
}

/// The rows of `identifier_parts` for an identifier: of a phone number its digits in reverse order,
/// marked by 'p'; of an e-mail address the suffixes that begin at a later word of the local part,
/// marked by 'e', or at a label of the domain except the top one, marked by 'd'.
pub fn identifier_parts(key: &str) -> BTreeSet<String> {
    if let Some(number) = key.strip_prefix("phone:/") {
        return BTreeSet::from([phone_part(&phone_digits(number))]);
    }
    let Some((local, domain)) = key.strip_prefix("email:/").and_then(|key| key.rsplit_once('@'))
    else {
        return BTreeSet::new();
    };
    let words = word_starts(local).map(|at| format!("e{}@{domain}", &local[at..]));
    let labels: Vec<&str> = domain.split('.').collect();
    let below_top = 0..labels.len().saturating_sub(1);
    let labels = below_top.map(|at| format!("d{}", labels[at..].join(".")));
    words.take(MAX_PARTS).chain(labels.take(MAX_PARTS)).collect()
}

/// Digits in the reverse order of `identifier_parts`, so that a search by last digits is a prefix
/// search.
pub fn phone_part(digits: &str) -> String {
    format!("p{}", digits.chars().rev().collect::<String>())
}

/// Where the words of a local part begin, except for the first one.
fn word_starts(local: &str) -> impl Iterator<Item = usize> {
    let pairs = local.char_indices().zip(local.char_indices().skip(1));
    pairs
        .filter(|((_, before), (_, c))| !before.is_alphanumeric() && c.is_alphanumeric())
        .map(|(_, (at, _))| at)
}

/// The digits of a normalised phone number, without its extension.
pub(super) fn phone_digits(number: &str) -> String {
    let number = number.split(';').next().unwrap_or_default();
    number.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    fn rows(given: &str, family: &str, locality: &str) -> Vec<String> {
        let profile = Profile {
            given_name: given.to_owned(),
            family_name: family.to_owned(),
            address: Address { locality: locality.to_owned(), ..Address::default() },
            ..Profile::default()
        };
        name_rows(&profile).into_iter().map(|(word, other)| format!("{word} {other}")).collect()
    }

    #[test]
    fn each_word_stands_with_each_other() {
        assert_eq!(rows("Åse", "Bjørnæs", ""), ["ase bjornaes", "bjornaes ase"]);
        assert_eq!(rows("Jan", "", ""), ["jan "]);
        assert_eq!(rows("Jan", "Jan", "Den Haag"), ["jan ", "jan @haag"]);
        let three = ["anna de", "anna vries", "de anna", "de vries", "vries @york", "vries anna"];
        assert_eq!(rows("Anna", "de Vries", "New York"), [&three[..], &["vries de"]].concat());
        assert!(rows("", "", "Utrecht").is_empty());
    }

    #[test]
    fn a_long_name_has_few_rows() {
        let long: Vec<String> = (0..80).map(|n| format!("n{n}")).collect();
        assert_eq!(rows(&long.join(" "), "", "").len(), 8 * 7 + 16);
    }

    #[test]
    fn an_identifier_has_parts() {
        let cases: [(&str, &[&str]); 6] = [
            ("phone:/+31612345678", &["p87654321613"]),
            ("phone:/+31201234567;ext=89", &["p76543210213"]),
            ("email:/anna@example.net", &["dexample.net"]),
            (
                "email:/a.de-vries@mail.example.net",
                &[
                    "dexample.net",
                    "dmail.example.net",
                    "ede-vries@mail.example.net",
                    "evries@mail.example.net",
                ],
            ),
            ("email:/_anna@example.net", &["dexample.net", "eanna@example.net"]),
            ("account:shop/anna@example.net", &[]),
        ];
        for (key, parts) in cases {
            assert_eq!(identifier_parts(key).into_iter().collect::<Vec<_>>(), parts, "{key}");
        }
    }
}
