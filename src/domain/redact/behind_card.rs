//! Finds the security code after a card number, with or without the expiry date between or after
//! them, and without a word that labels it.

use std::ops::Range;

use super::{Redaction, Secret};
use crate::domain::digit;

/// Words that may stand between the number, the date and the code, besides punctuation.
const WORDS: &str = "exp expiry expires expiration valid until thru to date and code geldig tot \
    vervalt vervaldatum verloopt datum en utløper utløpsdato gyldig til udløber udløbsdato udløb \
    dato og";
/// How many bytes of punctuation and letters may stand between them.
const MAX_BETWEEN: usize = 32;

/// The code after a card number that ends at a byte and has a given number of digits.
pub(super) fn find(text: &str, card_end: usize, card_digits: usize) -> Option<Secret> {
    // American Express cards have 15 digits and a code of four; no other cards do.
    let code_digits = if card_digits == 15 { 4 } else { 3 };
    let next = skip(text, card_end)?;
    let behind_date = date_at(text, next).and_then(|end| skip(text, end));
    // Four digits can be a date, or the code itself.
    [behind_date.map(|at| (at, true)), Some((next, false))].into_iter().flatten().find_map(
        |(at, dated)| {
            let range = digits_at(text, at);
            let length = text[range.clone()].chars().count();
            let is_code = length == code_digits && ends(text, range.end, dated);
            is_code.then_some(Secret { range, kind: Redaction::SecurityCode })
        },
    )
}

/// Whether a code ends at a byte: it is not an amount, a count, or a part of another number.
fn ends(text: &str, at: usize, dated: bool) -> bool {
    let rest = &text[at..];
    let line = rest.lines().next().unwrap_or_default().trim_start_matches([' ', '\t']);
    let Some(c) = line.chars().next() else { return true };
    if rest.starts_with(char::is_alphanumeric) || is_currency(c) || line.starts_with(",-") {
        return false;
    }
    if !rest.starts_with([' ', '\t']) {
        // A decimal, a date or a longer number.
        return !line[c.len_utf8()..].starts_with(char::is_numeric);
    }
    // A count is followed by its unit: "4111... 250 euro".
    dated || !c.is_alphanumeric() || date_at(text, text.len() - rest.len() + gap(rest)).is_some()
}

/// The length of the spaces at the beginning of a text, in bytes.
fn gap(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

fn is_currency(c: char) -> bool {
    matches!(c, '$' | '£' | '¥' | '\u{20a0}'..='\u{20cf}')
}

/// Skips punctuation and words from a byte up to a digit.
fn skip(text: &str, from: usize) -> Option<usize> {
    let rest = &text[from..];
    let near = &rest[..rest.floor_char_boundary(MAX_BETWEEN + 4)];
    let between = near.find(|c| digit::value(c).is_some())?;
    // Without anything between them, it is one number.
    if !(1..=MAX_BETWEEN).contains(&between) || near[..between].contains(is_currency) {
        return None;
    }
    let is_known = |word: &str| {
        let word = word.to_lowercase();
        word.is_empty() || WORDS.split_ascii_whitespace().any(|it| it == word)
    };
    let known = near[..between].split(|c: char| !c.is_alphabetic()).all(is_known);
    known.then_some(from + between)
}

/// The end of a month and a year that begin at a byte: 3/27, 05-2028, 0927.
fn date_at(text: &str, at: usize) -> Option<usize> {
    let month = digits_at(text, at);
    let value = |range: &Range<usize>| {
        text[range.clone()]
            .chars()
            .filter_map(digit::value)
            .fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit)))
    };
    let count = |range: &Range<usize>| text[range.clone()].chars().count();
    if count(&month) == 4 && (1..=12).contains(&(value(&month) / 100)) {
        return Some(month.end);
    }
    if count(&month) > 2 || !(1..=12).contains(&value(&month)) {
        return None;
    }
    let rest = &text[month.end..];
    let sign =
        rest.chars().next().filter(|c| matches!(c, '/' | '.' | ' ') || digit::is_dash(*c))?;
    let year = rest[sign.len_utf8()..].trim_start_matches([' ', '/']);
    let year = digits_at(text, text.len() - year.len());
    matches!(count(&year), 2 | 4).then_some(year.end)
}

/// The digits that begin at a byte.
fn digits_at(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let length = rest.find(|c| digit::value(c).is_none()).unwrap_or(rest.len());
    at..at + length
}
