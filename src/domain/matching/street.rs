//! Normalises streets and telephone numbers for comparison.

use crate::domain::{address::house_number_key, blocked, fold};

/// Endings of street names with their abbreviations: the first of each is the normal form.
const STREET_WORDS: [&str; 18] = [
    "street|st|str",
    "straat|str",
    "strasse|str",
    "road|rd",
    "avenue|ave|av",
    "drive|dr|drv",
    "lane|ln",
    "place|pl",
    "court|ct|crt",
    "crescent|cres|cr",
    "circuit|cct",
    "close|cl",
    "terrace|tce|ter",
    "boulevard|blvd",
    "parade|pde",
    "square|sq",
    "gate|gt",
    "plein|pl",
];

/// The words of a line without the house number, in normal spelling.
pub(super) fn street_key(line: &str, number: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for token in line.split([' ', ',', '\t']).filter(|token| !token.is_empty()) {
        // The number is in a separate field.
        if !number.is_empty() && number.starts_with(&house_number_key(token)) {
            let key = house_number_key(token);
            if key.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
        }
        words.extend(fold::tokens(token).flat_map(fold::words).map(|word| in_full(&word)));
    }
    words.join(" ")
}

fn in_full(word: &str) -> String {
    let found = STREET_WORDS.iter().find(|forms| forms.split('|').any(|form| form == word));
    let full = found.and_then(|forms| forms.split('|').next());
    match full {
        Some(full) => full.to_owned(),
        None => match word.strip_suffix("str") {
            Some(name) if name.len() > 2 => format!("{name}straat"),
            _ => word.to_owned(),
        },
    }
}

/// The digits that all notations of a number share: without the international prefix, leading zeros
/// and extension. Empty if it is a placeholder.
pub(super) fn phone_digits(raw: &str) -> String {
    let number = raw.split([';', 'x', '#']).next().unwrap_or_default();
    // "+31 (0)6 ...": the zero is not dialled after the country code.
    let number = if number.trim_start().starts_with('+') {
        number.replace("(0)", "")
    } else {
        number.to_owned()
    };
    let digits = blocked::digits_of(&number);
    let digits = digits.trim_start_matches('0');
    match digits.len() {
        6..=15 if !blocked::is_same(digits) && !blocked::is_counting(digits) => digits.to_owned(),
        _ => String::new(),
    }
}

/// The part that is the same in all notations of a number: its last eight digits.
pub(super) fn phone_tail(digits: &str) -> &str {
    &digits[digits.len().saturating_sub(8)..]
}
