//! How much of what must be redacted is found, and how much harmless text is redacted, over
//! labelled texts and over conversations without secrets.

#[path = "redaction/numbers.rs"]
mod numbers;
#[path = "redaction/texts.rs"]
mod texts;

use std::{collections::BTreeMap, fs::read_to_string};

use serde_json::Value;
use throughline::domain::redact::redact;

use crate::{random::Random, support::outside_data};
use texts::{Kind, Labelled};

const TEXTS: usize = 20_000;
/// The minimum share of secrets found, and the maximum share of harmless texts changed, per
/// thousand.
const FOUND: usize = 995;
const CHANGED: usize = 1;

/// The results of one kind.
#[derive(Default)]
struct Seen {
    texts: usize,
    /// The number of correct ones.
    right: usize,
    /// Some incorrect ones.
    wrong: Vec<String>,
}

impl Seen {
    fn note(&mut self, right: bool, labelled: &Labelled, redacted: &str) {
        self.texts += 1;
        self.right += usize::from(right);
        if !right && self.wrong.len() < 8 {
            self.wrong.push(format!("{}\n        {redacted}", labelled.text));
        }
    }
}

#[test]
fn secrets_are_found_and_other_numbers_stay() {
    let mut random = Random::new(20_261_123);
    let mut secrets: BTreeMap<Kind, Seen> = BTreeMap::new();
    let mut harmless = Seen::default();
    for _ in 0..TEXTS {
        let labelled = texts::make(&mut random);
        let (redacted, _) = redact(&labelled.text);
        let right = labelled.wanted.contains(&redacted.to_string());
        match &labelled.secret {
            None => harmless.note(right, &labelled, &redacted),
            Some(kind) => secrets.entry(*kind).or_default().note(right, &labelled, &redacted),
        }
    }
    println!("{:<16} {:>6} {:>8}", "", "texts", "right");
    let show = |what: &str, seen: &Seen| {
        let share = 100.0 * seen.right as f64 / seen.texts as f64;
        println!("{what:<16} {:>6} {share:>7.2}%", seen.texts);
        seen.wrong.iter().for_each(|text| println!("    {text}"));
    };
    secrets.iter().for_each(|(kind, seen)| show(&format!("{kind:?}"), seen));
    show("nothing to hide", &harmless);
    for (kind, seen) in &secrets {
        assert!(seen.right * 1000 >= seen.texts * FOUND, "{kind:?}");
    }
    assert!((harmless.texts - harmless.right) * 1000 <= harmless.texts * CHANGED);
}

#[test]
fn conversations_without_a_secret_stay_as_they_are() {
    let Some(path) = outside_data("retail/conversations.ndjson") else { return };
    let mut messages = 0;
    for line in read_to_string(path).unwrap().lines() {
        let conversation: Value = serde_json::from_str(line).unwrap();
        for message in conversation["messages"].as_array().unwrap() {
            let text = message["text"].as_str().unwrap();
            assert_eq!(redact(text).0, text);
            messages += 1;
        }
    }
    assert_eq!(messages, 1036);
}
