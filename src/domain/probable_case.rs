//! Finds the open case that an entry probably belongs to.
//!
//! Each clue gives a case a probability, and clues are taken to be independent: the remaining doubt
//! is the product of the doubts that each clue leaves (noisy-or, Pearl 1988, section 4.3.2). The
//! weights are set by hand, not learnt: an order or a serial number in common is almost certain, a
//! topic in common is likely, and recency alone never decides.

use super::{order::order_key, words};
use crate::model::{Case, CaseClue, Micros, NewEntry, ProbableCase};

/// How many cases are returned.
pub const MAX_PROBABLE: usize = 5;
/// Less probable cases are not returned.
const LEAST_PERCENT: u8 = 10;

const SAME_ORDER: f64 = 0.85;
const SERIAL_NUMBER: f64 = 0.9;
const ORDER_NUMBER: f64 = 0.8;
const TOPIC: f64 = 0.7;
const RECENT: f64 = 0.4;
/// The half-life of the weight of recency.
const HALF_LIFE_DAYS: f64 = 30.0;
/// The topic of a case consists of its first words.
const MAX_TOPIC_WORDS: usize = 50;
/// A shorter number in a text may be any number.
const LEAST_NUMBER_BYTES: usize = 4;

/// The open cases that an entry may belong to, the most probable first.
pub fn probable_cases<'a>(
    entry: &NewEntry,
    cases: impl IntoIterator<Item = &'a Case>,
    now: Micros,
) -> Vec<ProbableCase> {
    // Both lists of words are sorted and built in the same way.
    let in_entry: Vec<&str> = entry.words.split(' ').collect();
    let mut found: Vec<(Micros, ProbableCase)> = Vec::new();
    for case in cases {
        if case.is_resolved() {
            continue;
        }
        let clues = clues(entry, &in_entry, case, now);
        let doubt: f64 = clues.iter().map(|(_, weight)| 1.0 - weight).product();
        let percent = percent(1.0 - doubt);
        if percent < LEAST_PERCENT {
            continue;
        }
        let mut clues: Vec<_> =
            clues.into_iter().map(|(clue, weight)| (clue, self::percent(weight))).collect();
        clues.sort_by_key(|(_, percent)| std::cmp::Reverse(*percent));
        let (case_id, subject) = (case.id, case.subject.clone());
        found.push((case.changed_at, ProbableCase { case_id, subject, percent, clues }));
    }
    // Ties are broken by the latest change.
    found.sort_by_key(|(changed_at, it)| std::cmp::Reverse((it.percent, *changed_at, it.case_id)));
    found.truncate(MAX_PROBABLE);
    found.into_iter().map(|(_, it)| it).collect()
}

/// The clues for a case, each with its probability.
fn clues(entry: &NewEntry, in_entry: &[&str], case: &Case, now: Micros) -> Vec<(CaseClue, f64)> {
    let mut clues = Vec::new();
    let ordered = |number: &String| {
        let key = order_key(number);
        key.is_some_and(|key| entry.orders.contains(&key) || entry.purchase.as_ref() == Some(&key))
    };
    if case.orders.iter().any(ordered) {
        clues.push((CaseClue::SameOrder, SAME_ORDER));
    } else if case.orders.iter().any(|number| stands_in(in_entry, number)) {
        clues.push((CaseClue::OrderNumber, ORDER_NUMBER));
    }
    let value = case.fact("serial_number").and_then(|fact| fact.values.last());
    let mut serials = case.serials.iter().chain(value.map(|value| &value.value));
    if serials.any(|number| stands_in(in_entry, number)) {
        clues.push((CaseClue::SerialNumber, SERIAL_NUMBER));
    }
    let topic = TOPIC * same_topic(in_entry, case);
    if topic > 0.0 {
        clues.push((CaseClue::Topic, topic));
    }
    // Micros of a few thousand years are exact in a float.
    #[allow(clippy::cast_precision_loss)]
    let days = (now - case.changed_at).max(0) as f64 / 86_400e6;
    clues.push((CaseClue::Recent, RECENT * (-days / HALF_LIFE_DAYS).exp2()));
    clues
}

/// Whether the entry contains all parts of a number.
fn stands_in(in_entry: &[&str], number: &str) -> bool {
    let bytes = number.bytes().filter(u8::is_ascii_alphanumeric).count();
    let Ok(parts) = words::query_words(number) else { return false };
    bytes >= LEAST_NUMBER_BYTES && !parts.is_empty() && parts.iter().all(|any| has(in_entry, any))
}

/// The share of the words of a case's subject and facts that the entry contains, reduced for few
/// words, from 0 to 1.
fn same_topic(in_entry: &[&str], case: &Case) -> f64 {
    let value = case.facts.iter().filter_map(|fact| fact.values.last()).map(|value| &value.value);
    let texts = [&case.subject].into_iter().chain(value).map(String::as_str);
    let topic = words::topic_words(texts, MAX_TOPIC_WORDS);
    let shared = topic.iter().filter(|any| has(in_entry, any)).count();
    if shared == 0 {
        return 0.0;
    }
    // Both are at most a few dozen.
    #[allow(clippy::cast_precision_loss)]
    let (all, shared) = (topic.len() as f64, shared as f64);
    shared / all * (1.0 - 1.0 / (1.0 + shared))
}

/// Whether the entry contains one of the forms of a word.
fn has(in_entry: &[&str], forms: &[String]) -> bool {
    forms.iter().any(|word| in_entry.binary_search(&word.as_str()).is_ok())
}

/// A probability in percent, from 1 to 99.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn percent(probability: f64) -> u8 {
    (probability * 100.0).round().clamp(1.0, 99.0) as u8
}
