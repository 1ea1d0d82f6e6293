//! Cases, facts and promises in a timeline.

use super::text::money;
use crate::pb::{self, CaseState, case_change, hand_over_change, promise_change};

/// What happened to a case, in one line.
pub fn summary(change: &pb::CaseChange) -> String {
    use case_change::Change;
    match change.change() {
        Change::Opened => format!("Case opened: {}", change.subject()),
        Change::Resolved => format!("Case resolved: {}", change.disposition),
        Change::Reopened => "Case opened again".to_owned(),
        Change::Updated | Change::Unspecified => match state(change.state) {
            Some(state) => format!("Case: {state}"),
            None => "Case changed".to_owned(),
        },
    }
}

/// Who, for whom, and why.
pub fn context(change: &pb::CaseChange) -> Vec<String> {
    let mut parts = vec![by(&change.actor)];
    let set = |word: &str, value: &Option<String>| match value.as_deref() {
        None => String::new(),
        Some("") if change.change() == case_change::Change::Opened => String::new(),
        Some("") => format!("no {word}"),
        Some(value) => format!("{word} {value}"),
    };
    parts.push(set("owner", &change.owner));
    parts.push(set("queue", &change.queue));
    if !change.serial_numbers.is_empty() {
        parts.push(format!("serial number {}", change.serial_numbers.join(", ")));
    }
    if !change.order_numbers.is_empty() {
        parts.push(format!("order {}", change.order_numbers.join(", ")));
    }
    parts.push(change.reason.clone());
    parts
}

/// What was told, in one line.
pub fn fact(change: &pb::FactChange) -> String {
    let key = change.key.replace('_', " ");
    match change.reasked {
        true => format!("Asked again: {key}"),
        false => format!("{key}: {}", change.value),
    }
}

/// What became of a promise, in one line.
pub fn promise(change: &pb::PromiseChange) -> String {
    use promise_change::Change;
    let word = match change.change() {
        Change::Made => "Promised",
        Change::Kept => "Kept",
        Change::Withdrawn => "Taken back",
        Change::Broken => "Broken",
        Change::Unspecified => "Promise",
    };
    let amount = change.amount.as_ref().map(|amount| format!(", {}", money(amount)));
    format!("{word}: {}{}", change.what, amount.unwrap_or_default())
}

/// Who does it, who said so, and why. `due` is the time it is due.
pub fn promise_context(change: &pb::PromiseChange, due: Option<String>) -> Vec<String> {
    let mut parts = vec![by(&change.actor)];
    if !change.by.is_empty() {
        parts.push(format!("to be done by {}", change.by));
    }
    parts.extend(due.map(|due| format!("due {due}")));
    parts.push(change.reason.clone());
    parts
}

/// A case passed on, in one line.
pub fn hand_over(change: &pb::HandOverChange) -> String {
    use hand_over_change::Change;
    match change.change() {
        Change::Accepted => "Hand-over accepted".to_owned(),
        Change::Returned => "Hand-over returned".to_owned(),
        Change::Offered | Change::Unspecified if change.to.is_empty() => {
            format!("Handed over to {}", change.to_queue)
        }
        Change::Offered | Change::Unspecified => format!("Handed over to {}", change.to),
    }
}

/// What goes with it: the note, the questions and the next step.
pub fn hand_over_texts(change: &pb::HandOverChange) -> Vec<String> {
    let mut texts = vec![change.note.clone()];
    texts.extend(change.open_questions.iter().map(|question| format!("? {question}")));
    if !change.next_step.is_empty() {
        texts.push(format!("Next: {}", change.next_step));
    }
    texts.retain(|text| !text.is_empty());
    texts
}

/// Who did something.
pub fn by(actor: &str) -> String {
    if actor.is_empty() { String::new() } else { format!("by {actor}") }
}

fn state(number: i32) -> Option<&'static str> {
    let state = CaseState::try_from(number).ok()?;
    (state != CaseState::Unspecified).then(|| state_word(state))
}

/// How far a case has come, in words.
pub fn state_word(state: CaseState) -> &'static str {
    match state {
        CaseState::Unspecified | CaseState::Open => "open",
        CaseState::WaitingForCustomer => "waiting for the customer",
        CaseState::WaitingForUs => "waiting for us",
        CaseState::Resolved => "resolved",
        CaseState::Reopened => "opened again",
    }
}
