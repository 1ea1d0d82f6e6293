//! Cases, facts, promises and quotes in a timeline.

use super::text::money;
use crate::pb::{self, CaseState, case_change, handover_change, promise_change, quote_change};

/// A change of a case, in one line.
pub fn summary(change: &pb::CaseChange) -> String {
    use case_change::Change;
    match change.change() {
        Change::Opened => format!("Case opened: {}", change.subject()),
        Change::Resolved => format!("Case resolved: {}", change.disposition),
        Change::Reopened => "Case opened again".to_owned(),
        Change::PassIssued => "Case pass issued".to_owned(),
        Change::PassRedeemed => "Came with the case pass".to_owned(),
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

/// A change of a fact, in one line.
pub fn fact(change: &pb::FactChange) -> String {
    let key = change.key.replace('_', " ");
    match change.reasked {
        true => format!("Asked again: {key}"),
        false => format!("{key}: {}", change.value),
    }
}

/// A change of a promise, in one line.
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

/// Who keeps it, who made it, and why. `due` is the time it is due.
pub fn promise_context(change: &pb::PromiseChange, due: Option<String>) -> Vec<String> {
    let mut parts = vec![by(&change.actor)];
    if !change.by.is_empty() {
        parts.push(format!("to be done by {}", change.by));
    }
    parts.extend(due.map(|due| format!("due {due}")));
    parts.push(change.reason.clone());
    parts
}

/// A change of a quote, in one line.
pub fn quote(change: &pb::QuoteChange) -> String {
    use quote_change::Change;
    let word = match change.change() {
        Change::Given => "Quoted",
        Change::Withdrawn => "Quote withdrawn",
        Change::Unspecified => "Quote",
    };
    let mut terms = vec![label(&change.article, &change.sku)];
    terms.extend(change.price.as_ref().map(money));
    terms.push(change.offer.clone());
    terms.retain(|term| !term.is_empty());
    format!("{word}: {}", terms.join(", "))
}

/// Its code, who made it, and why. `until` is the end of its validity.
pub fn quote_context(change: &pb::QuoteChange, until: Option<String>) -> Vec<String> {
    let mut parts = vec![by(&change.actor)];
    // A withdrawn quote is no longer valid until then.
    let until = until.filter(|_| change.change() == quote_change::Change::Given);
    parts.extend(until.map(|until| format!("valid until {until}")));
    if !change.promotion_code.is_empty() {
        parts.push(format!("code {}", change.promotion_code));
    }
    parts.push(change.reason.clone());
    parts
}

/// The name of an article with its number after it, or whichever is known.
pub fn label(name: &str, sku: &str) -> String {
    match (name.is_empty(), sku.is_empty()) {
        (false, false) => format!("{name} ({sku})"),
        (false, true) => name.to_owned(),
        (true, _) => sku.to_owned(),
    }
}

/// A handover, in one line.
pub fn handover(change: &pb::HandoverChange) -> String {
    use handover_change::Change;
    match change.change() {
        Change::Accepted => "Handover accepted".to_owned(),
        Change::Returned => "Handover returned".to_owned(),
        Change::Offered | Change::Unspecified if change.to.is_empty() => {
            format!("Handed over to {}", change.to_queue)
        }
        Change::Offered | Change::Unspecified => format!("Handed over to {}", change.to),
    }
}

/// Its note, questions and next step.
pub fn handover_texts(change: &pb::HandoverChange) -> Vec<String> {
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

/// The state of a case, in words.
pub fn state_word(state: CaseState) -> &'static str {
    match state {
        CaseState::Unspecified | CaseState::Open => "open",
        CaseState::WaitingForCustomer => "waiting for the customer",
        CaseState::WaitingForUs => "waiting for us",
        CaseState::Resolved => "resolved",
        CaseState::Reopened => "opened again",
    }
}
