//! Finds passwords in texts.

use super::{Redaction, Secret};

/// Words for a password, which may be attached to other words before them.
const WORDS: &str =
    "password passord passwort passphrase passcode passwd pwd wachtwoord adgangskode kodeord ww pw";

/// Endings of these words: the definite forms of Norwegian and Danish.
const ENDINGS: [&str; 4] = ["", "et", "en", "n"];

/// Verbs between the word and the password.
const VERBS: [&str; 5] = ["is", "was", "er", "var", "ist"];

/// Words that follow the verb or the colon and are not a password.
const REMARKS: &str = "a accepted al alltid also altid altijd always an and at bad been \
    being blevet blitt blocked byttet case changed correct de den det different easy een ei \
    empty en endret et expired feil fine for forgotten forkert fout from geblokkeerd geen \
    gewijzigd glemt good hard het hetzelfde hidden ikke in incorrect invalid it juist just \
    korrekt kwijt leeg locked lost mijn mine missing mit mitt my needed never new niet \
    nieuw no nodig nog not now nu nå også ok okay old on ongeldig onjuist only ook opnieuw \
    påkrevd refused rejected required reset right rigtigt riktig safe same samme secret \
    secure sent set skiftet so sperret spærret still stored strong te that the this to tomt \
    too udløbet ugyldig unknown updated utgått utløpt van veranderd vergeten verkeerd \
    verlopen verplicht very weak weg wel what where working wrong your ændret";

/// Possessives, which are ignored between the word and the verb.
const WHOSE: &str = "my mijn onze our mitt min mine vårt vores your jouw uw ditt din";

/// How many words may stand between the word and the verb.
const MAX_WORDS_BETWEEN: usize = 5;

/// A longer quotation is not a password.
const MAX_QUOTED_BYTES: usize = 130;

/// Adds the passwords of a text. Numbers are found first: a password that overlaps one extends to
/// its end.
pub(super) fn find(text: &str, secrets: &mut Vec<Secret>) {
    let bytes = text.as_bytes();
    let numbers = secrets.len();
    let mut at = 0;
    while at < bytes.len() {
        let Some(end) = word_at(text, at) else {
            at += 1;
            continue;
        };
        at = end;
        if let Some((start, mut end)) = value_after(text, end) {
            let after = secrets[..numbers].partition_point(|number| number.range.end <= start);
            for number in &secrets[after..numbers] {
                if number.range.start >= end {
                    break;
                }
                end = end.max(number.range.end);
            }
            secrets.push(Secret { range: start..end, kind: Redaction::Password });
            at = end;
        }
    }
}

/// The end of the word for a password that begins at a byte.
fn word_at(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    if !matches!(bytes[at] | 0x20, b'p' | b'w' | b'a' | b'k') {
        return None;
    }
    let rest = &bytes[at..];
    let begins = |word: &&str| {
        rest.len() >= word.len() && rest[..word.len()].eq_ignore_ascii_case(word.as_bytes())
    };
    let word = WORDS.split(' ').find(begins)?;
    // The shortest words are parts of many others.
    if word.len() == 2 && text[..at].ends_with(char::is_alphanumeric) {
        return None;
    }
    let tail = &text[at + word.len()..];
    let ends = |ending: &&&str| {
        tail.strip_prefix(**ending).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    };
    ENDINGS.iter().find(ends).map(|ending| at + word.len() + ending.len())
}

/// The range of the password that follows the word for it.
fn value_after(text: &str, word_end: usize) -> Option<(usize, usize)> {
    let rest = text[word_end..].trim_start_matches(['"', '\'', '*', '_', '`', ' ', '\t']);
    let is_at = |part: &str| text.len() - part.len();
    if let Some(value) = rest.strip_prefix([':', '=', '\u{ff1a}']) {
        let value = value.trim_start();
        return value_in(text, is_at(value), char::is_whitespace, false);
    }
    if let Some(value) = rest.strip_prefix('>') {
        return value_in(text, is_at(value), |c| c == '<', false);
    }
    let mut rest = text[word_end..].strip_prefix([' ', '\t'])?;
    let behind = rest.trim_start_matches([' ', '\t']);
    if looks_chosen(behind.split(char::is_whitespace).next().unwrap_or_default()) {
        return value_in(text, is_at(behind), char::is_whitespace, false);
    }
    let mut between = 0;
    while between <= MAX_WORDS_BETWEEN {
        rest = rest.trim_start_matches([' ', '\t']);
        let end = rest.find(char::is_whitespace)?;
        let (word, tail) = rest.split_at(end);
        let verb = word.trim_end_matches([':', '=']).to_lowercase();
        if VERBS.contains(&verb.as_str()) {
            let value = tail.trim_start().trim_start_matches([':', '=']).trim_start();
            return value_in(text, is_at(value), char::is_whitespace, between > 0);
        }
        // The sentence ends before it states the password.
        if word.ends_with(['.', '!', '?', ',', ';', ':']) || tail.starts_with(['\n', '\r']) {
            return None;
        }
        between += usize::from(!WHOSE.split(' ').any(|whose| whose == verb));
        rest = tail;
    }
    None
}

/// The password that begins at a byte: between quotes, or up to a terminating character. If it is
/// `far` from the word, it must look like a password and not like a word.
fn value_in(text: &str, start: usize, ends: fn(char) -> bool, far: bool) -> Option<(usize, usize)> {
    let rest = &text[start..];
    if Redaction::ALL.iter().any(|kind| rest.starts_with(kind.replacement())) {
        return None;
    }
    let quoted = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')).and_then(|quote| {
        let near = &rest[1..rest.floor_char_boundary(MAX_QUOTED_BYTES)];
        let end = near.find([quote, '\n', '\r']).filter(|end| *end > 0)?;
        near[end..].starts_with(quote).then_some(end + 2)
    });
    let length = quoted.unwrap_or_else(|| rest.find(ends).unwrap_or(rest.len()));
    let value = &rest[..length];
    let word = value.trim_matches(|c: char| !c.is_alphanumeric());
    if word.is_empty() || is_remark(word) {
        return None;
    }
    let is_plain = word.chars().all(char::is_lowercase);
    let is_one = !far || !is_plain || quoted.is_some() || looks_chosen(value);
    is_one.then_some((start, start + length))
}

/// Whether a word right after the word for a password is almost certainly one: it has lower case
/// letters, which order numbers do not have, and digits or symbols that do not occur in sentences.
/// Links and words such as "2-step" are excluded.
fn looks_chosen(word: &str) -> bool {
    word.len() >= 5
        && word.chars().any(char::is_lowercase)
        && word.contains(|c: char| c.is_ascii_digit() || "#$%&*_=+".contains(c))
        && !word.contains(['/', '@'])
        && !word.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with('-')
        && !word.starts_with("www.")
}

fn is_remark(word: &str) -> bool {
    let word = word.to_lowercase();
    REMARKS.split(' ').any(|remark| remark == word)
}
