//! Interprets a query. A text may have several readings: five digits can be a postal code, an order
//! number and the end of a phone number. All readings are searched.

use crate::{
    domain::{address, digit, fold, identifier, name, order},
    model::{Clue, IdentifierKind, Reading},
};

/// How many words of a name a search compares.
pub const MAX_NAME_WORDS: usize = 6;

/// How many words a text may have; it may hold more than a name.
const MAX_WORDS: usize = 12;
/// How many readings are searched, the likelier ones first.
const MAX_READINGS: usize = 32;
/// Fewer last digits of a phone number are too common.
const MIN_PHONE_DIGITS: usize = 4;
const MAX_PHONE_DIGITS: usize = 20;
/// Fewer characters of an e-mail address are too common.
const MIN_EMAIL_PART: usize = 3;
/// Postal codes have 3 (Iceland) to 10 (Iran) letters and digits.
const POSTCODE_SIGNS: std::ops::RangeInclusive<usize> = 3..=10;
/// The kinds whose values people type; they are searched without a namespace.
const TYPED_KINDS: [IdentifierKind; 3] =
    [IdentifierKind::CustomerNumber, IdentifierKind::LoyaltyCard, IdentifierKind::Account];

/// The readings of a text; `region` is the country of phone numbers without a country code. The
/// error is the rule that the text violates.
pub fn read_text(text: &str, region: Option<&str>) -> Result<Vec<Reading>, &'static str> {
    let text: String = text.chars().map(digit::to_ascii).collect();
    let words = name::fold_name(&text);
    if words.is_empty() {
        return Err("must hold a letter or a digit");
    }
    let pieces: Vec<&str> = text.split_whitespace().collect();
    if pieces.len() > MAX_WORDS || words.len() > 2 * MAX_WORDS {
        return Err("must hold at most 12 words");
    }
    let mut readings = Vec::new();
    // Readings of several pieces together go first, before the digits of single pieces use up the
    // limit.
    add_whole(&mut readings, &text, &pieces);
    add_phones(&mut readings, &pieces, region);
    for (at, piece) in pieces.iter().enumerate() {
        let rest = words_but(&pieces, at, 1);
        if piece.contains('@') {
            add_email(&mut readings, piece, rest);
        } else if piece.starts_with('#') || piece.contains(|c: char| c.is_ascii_digit()) {
            add_number(&mut readings, piece, &rest);
        }
    }
    if !text.contains('@') {
        add_postcodes(&mut readings, &words_in(&text));
        if words.len() <= MAX_NAME_WORDS {
            readings.push(Reading { clue: Clue::Name { places: true }, words });
        }
    }
    readings.retain(|reading| reading.words.len() <= MAX_NAME_WORDS);
    readings.truncate(MAX_READINGS);
    Ok(readings)
}

/// All folded words of a text, in order; unlike in a name, words may repeat.
fn words_in(text: &str) -> Vec<String> {
    fold::tokens(text).flat_map(fold::words).collect()
}

/// The folded words of all pieces except some.
fn words_but(pieces: &[&str], first: usize, count: usize) -> Vec<String> {
    name::fold_name(&[&pieces[..first], &pieces[first + count..]].concat().join(" "))
}

fn add_email(readings: &mut Vec<Reading>, piece: &str, rest: Vec<String>) {
    let part =
        piece.trim_matches(|c: char| matches!(c, '<' | '>' | ',' | ';' | '"')).to_lowercase();
    if let Ok(it) = identifier::normalise(IdentifierKind::Email, "", &part, None, None) {
        let clue = Clue::Identifier { kind: it.kind, key: it.key() };
        readings.push(Reading { clue, words: rest.clone() });
    }
    if part.chars().count() >= MIN_EMAIL_PART {
        readings.push(Reading { clue: Clue::EmailPart(part), words: rest });
    }
}

/// Adds the readings of a piece with a digit: an order number, or an identifier of the customer.
fn add_number(readings: &mut Vec<Reading>, piece: &str, rest: &[String]) {
    let orders = order::order_key(piece).map(Clue::Order);
    let clues = orders.into_iter().chain(typed_identifiers(piece));
    readings.extend(clues.map(|clue| Reading { clue, words: rest.to_vec() }));
}

fn typed_identifiers(text: &str) -> impl Iterator<Item = Clue> {
    TYPED_KINDS.into_iter().filter_map(move |kind| {
        let it = identifier::normalise(kind, "", text, None, None).ok()?;
        Some(Clue::Identifier { kind, key: it.key() })
    })
}

/// Adds the readings of the whole text: a login, a part of an e-mail address, a number written with
/// spaces.
fn add_whole(readings: &mut Vec<Reading>, text: &str, pieces: &[&str]) {
    let mut add = |clue| readings.push(Reading { clue, words: Vec::new() });
    if let [piece] = pieces {
        if !piece.contains(|c: char| c.is_ascii_digit()) {
            typed_identifiers(piece).for_each(&mut add);
        }
        let is_part = |c: char| c.is_alphanumeric() || ".-_+".contains(c);
        if piece.len() >= MIN_EMAIL_PART && piece.chars().all(is_part) {
            add(Clue::EmailPart(piece.to_lowercase()));
        }
    } else if text.contains(|c: char| c.is_ascii_digit()) {
        order::order_key(text.trim()).map(Clue::Order).into_iter().for_each(&mut add);
        typed_identifiers(text).for_each(&mut add);
    }
}

/// Adds runs of pieces that consist of digits and separators of phone numbers.
fn add_phones(readings: &mut Vec<Reading>, pieces: &[&str], region: Option<&str>) {
    let is_sign = |c: char| c.is_ascii_digit() || digit::is_dash(c) || "+./()".contains(c);
    let of_phone: Vec<bool> = pieces.iter().map(|piece| piece.chars().all(is_sign)).collect();
    let mut first = 0;
    while first < pieces.len() {
        let count = of_phone[first..].iter().take_while(|of_phone| **of_phone).count();
        if count > 0 {
            let rest = words_but(pieces, first, count);
            for digits in phone_ends(&pieces[first..first + count].join(" "), region) {
                readings.push(Reading { clue: Clue::PhoneEnd(digits), words: rest.clone() });
            }
        }
        first += count.max(1);
    }
}

/// The digits that a number is searched by: those of the complete number if it can be one, and the
/// typed ones as the end of a number, with and without leading zeros.
fn phone_ends(text: &str, region: Option<&str>) -> Vec<String> {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let mut ends = Vec::new();
    if let Ok(it) = identifier::normalise(IdentifierKind::Phone, "", text, region, None) {
        ends.push(digits(it.value.split(';').next().unwrap_or_default()));
    }
    // "+31 (0)6" has a zero that is not dialled after the country code.
    let is_whole = text.starts_with('+') || text.starts_with("00");
    let typed = if is_whole { digits(&text.replace("(0)", "")) } else { digits(text) };
    ends.push(typed.trim_start_matches('0').to_owned());
    ends.push(typed);
    ends.retain(|end| (MIN_PHONE_DIGITS..=MAX_PHONE_DIGITS).contains(&end.len()));
    let mut seen = Vec::new();
    ends.retain(|end| {
        !seen.contains(end) && {
            seen.push(end.clone());
            true
        }
    });
    ends
}

/// One or two adjacent words may be a postal code; another word with a digit, or that word with the
/// next one, is the house number.
fn add_postcodes(readings: &mut Vec<Reading>, words: &[String]) {
    let has_digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    for count in [2, 1] {
        for first in 0..(words.len() + 1).saturating_sub(count) {
            let postcode = address::postcode_key(&words[first..first + count].concat());
            if !has_digit(&postcode) || !POSTCODE_SIGNS.contains(&postcode.len()) {
                continue;
            }
            let rest = [&words[..first], &words[first + count..]].concat();
            let mut add = |house_number, words: Vec<String>| {
                let clue = Clue::Postcode { postcode: postcode.clone(), house_number };
                readings.push(Reading { clue, words });
            };
            let Some(house) =
                rest.iter().position(|word| word.starts_with(|c: char| c.is_ascii_digit()))
            else {
                add(None, rest);
                continue;
            };
            for size in [2, 1] {
                if house + size <= rest.len() {
                    let key = address::house_number_key(&rest[house..house + size].join(" "));
                    add(Some(key), [&rest[..house], &rest[house + size..]].concat());
                }
            }
        }
    }
}
