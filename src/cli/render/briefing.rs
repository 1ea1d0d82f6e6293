//! The briefing in a terminal: broken promises first.

use super::{
    Ink, TerminalStyle, long_day,
    text::{channel, columns, money, pad, safe, wrap},
};
use crate::pb::{
    self, PromiseState, briefed_identity::Confidence, feedback::Metric, handover::State,
    warranty::State as Warranty,
};

/// The column where the text of a line begins.
const TEXT_AT: usize = 12;
/// The narrowest column of text, whatever the terminal.
const LEAST_WIDTH: usize = 24;

/// A briefing.
pub fn briefing(briefing: &pb::Briefing, style: &TerminalStyle) -> String {
    let mut page = Page { style, lines: Vec::new() };
    page.who(briefing);
    page.promises(briefing);
    page.cases(briefing);
    page.complaint(briefing);
    page.known(briefing);
    page.products(briefing);
    page.quotes(briefing);
    page.last_entries(briefing);
    page.lines.join("\n") + "\n"
}

/// The customers that an identifier may belong to.
pub fn candidates(candidates: &[pb::CustomerCandidate], style: &TerminalStyle) -> String {
    let mut lines = vec![style.paint(Ink::Strong, "Several people may be meant:")];
    for candidate in candidates {
        let verification = match candidate.verification() {
            pb::IdentifierVerification::Verified => "verified",
            pb::IdentifierVerification::Shared => "shared",
            _ => "claimed",
        };
        let seen = moment(style, candidate.last_seen_at.as_ref());
        lines.push(format!("  {}  {verification}, last seen {seen}", safe(&candidate.customer_id)));
    }
    lines.push("Ask who it is, then: throughline briefing --id ID".to_owned());
    lines.join("\n") + "\n"
}

struct Page<'a> {
    style: &'a TerminalStyle,
    lines: Vec<String>,
}

impl Page<'_> {
    fn who(&mut self, briefing: &pb::Briefing) {
        let identity = briefing.identity.clone().unwrap_or_default();
        let named = pb::Customer { profile: identity.profile.clone(), ..Default::default() };
        self.lines.push(self.style.paint(Ink::Strong, &super::name(&named)));
        self.label("customer", &safe(&briefing.customer_id));
        let sure = match identity.confidence() {
            Confidence::ById | Confidence::Unspecified => "named by id",
            Confidence::Verified => "found by a verified identifier",
            Confidence::Claimed => "found by an unverified identifier",
        };
        let mut parts = vec![sure.to_owned()];
        let (verified, all) = (identity.verified_identifiers, identity.identifiers);
        parts.push(format!("{verified} of {all} identifiers verified"));
        if identity.records > 1 {
            parts.push(format!("{} records merged", identity.records));
        }
        self.label("identity", &parts.join(", "));
        self.preferences(&briefing.preferences.clone().unwrap_or_default());
        self.contacts(&briefing.contacts.clone().unwrap_or_default());
        self.mood(&briefing.mood.clone().unwrap_or_default());
    }

    fn preferences(&mut self, wants: &pb::BriefedPreferences) {
        let mut parts = Vec::new();
        if !wants.language.is_empty() {
            parts.push(format!("speaks {}", safe(&wants.language)));
        }
        if wants.preferred_channel != 0 {
            parts.push(format!("prefers {}", channel(wants.preferred_channel())));
        }
        if wants.usual_channel != 0 {
            parts.push(format!("mostly comes by {}", channel(wants.usual_channel())));
        }
        for consent in &wants.consents {
            let word = if consent.granted { "agreed to" } else { "declined" };
            parts.push(format!("{word} {}", safe(&consent.purpose)));
        }
        self.label("wishes", &parts.join(", "));
    }

    fn contacts(&mut self, contacts: &pb::BriefedContacts) {
        let more = if contacts.is_more { " or more" } else { "" };
        let repeats = match contacts.repeats {
            0 => String::new(),
            1 => ", one of them a repeat".to_owned(),
            repeats => format!(", {repeats} of them repeats"),
        };
        self.label("contacts", &format!("{}{more} in 30 days{repeats}", contacts.last_30_days));
    }

    fn mood(&mut self, mood: &pb::BriefedMood) {
        let mut parts = Vec::new();
        if let Some(mean) = mood.mean_sentiment {
            parts.push(format!("sentiment {mean:+.1} of {}", mood.sentiments));
        }
        if let Some(feedback) = &mood.feedback {
            let metric = match feedback.metric() {
                Metric::Csat => "satisfaction",
                Metric::Nps => "would recommend",
                Metric::Ces => "ease",
                Metric::StarRating | Metric::Unspecified => "stars",
            };
            let score = feedback.score.unwrap_or_default();
            let at = moment(self.style, mood.feedback_at.as_ref());
            parts.push(format!("{metric} {score} of {} on {at}", feedback.scale_max));
        }
        self.label("mood", &parts.join(", "));
    }

    fn promises(&mut self, briefing: &pb::Briefing) {
        let more = briefing.more_promises;
        self.heading("Promises", briefing.promises.len(), more);
        for promise in &briefing.promises {
            let late = match (&promise.due_at, &briefing.as_of) {
                (Some(due), Some(now)) => (due.seconds, due.nanos) <= (now.seconds, now.nanos),
                _ => false,
            };
            let (word, ink) = match promise.state() {
                PromiseState::Broken => ("BROKEN", Ink::Warning),
                _ if late => ("LATE", Ink::Warning),
                _ => ("open", Ink::Good),
            };
            let amount = promise.amount.as_ref().map(|amount| format!(", {}", money(amount)));
            let text = format!("{}{}", promise.what, amount.unwrap_or_default());
            self.line(word, ink, &text);
            let due = moment(self.style, promise.due_at.as_ref());
            let mut parts = vec![format!("due {due}")];
            if !promise.by.is_empty() {
                parts.push(format!("by {}", promise.by));
            }
            let made = moment(self.style, promise.made_at.as_ref());
            parts.push(format!("promised by {} on {made}", channel(promise.channel())));
            self.more(&parts.join(", "), &promise.entry_id);
        }
    }

    fn cases(&mut self, briefing: &pb::Briefing) {
        self.heading("Open cases", briefing.cases.len(), briefing.more_cases);
        for case in &briefing.cases {
            self.line("case", Ink::Channel, &case.subject);
            let mut parts = vec![super::case::state_word(case.state()).to_owned()];
            parts.push(format!("since {}", moment(self.style, case.opened_at.as_ref())));
            if !case.owner.is_empty() {
                parts.push(format!("owner {}", case.owner));
            }
            if !case.queue.is_empty() {
                parts.push(format!("queue {}", case.queue));
            }
            self.more(&parts.join(", "), &case.entry_id);
            if let Some(handover) = &case.handover {
                self.handover(handover);
            }
        }
    }

    fn handover(&mut self, handover: &pb::Handover) {
        let word = match handover.state() {
            State::Offered | State::Unspecified => "waits for an answer",
            State::Accepted => "accepted",
            State::Returned => "returned",
        };
        self.more(&format!("handed over, {word}: {}", handover.note), &handover.entry_id);
        for question in &handover.open_questions {
            self.more(&format!("? {question}"), "");
        }
        if !handover.next_step.is_empty() {
            self.more(&format!("next: {}", handover.next_step), "");
        }
    }

    fn complaint(&mut self, briefing: &pb::Briefing) {
        let Some(complaint) = &briefing.last_complaint else { return };
        let Some(entry) = &complaint.entry else { return };
        self.heading("Last complaint", 1, 0);
        self.line(&channel(entry.channel()), Ink::Warning, &entry.summary);
        let end = match complaint.case_state() {
            pb::CaseState::Unspecified => "no case of it".to_owned(),
            pb::CaseState::Resolved => format!(
                "resolved {}: {}",
                moment(self.style, complaint.resolved_at.as_ref()),
                complaint.disposition
            ),
            state => format!("case {}", super::case::state_word(state)),
        };
        let at = moment(self.style, entry.occurred_at.as_ref());
        self.more(&format!("{at}, {end}"), &entry.entry_id);
    }

    fn known(&mut self, briefing: &pb::Briefing) {
        self.heading("Do not ask again", briefing.known_facts.len(), 0);
        let keys = briefing.known_facts.iter().map(|fact| columns(&key(fact)));
        let width = keys.max().unwrap_or(0).max(TEXT_AT - 4);
        for fact in &briefing.known_facts {
            let space = self.style.width.saturating_sub(width + 4).max(LEAST_WIDTH);
            let mut rows = wrap(&fact.value, space).into_iter();
            let first = rows.next().unwrap_or_default();
            let key = self.style.paint(Ink::Voice, &pad(&key(fact), width));
            self.lines.push(format!("  {key}  {first}"));
            let indent = " ".repeat(width + 4);
            self.lines.extend(rows.map(|row| format!("{indent}{row}")));
            let told = moment(self.style, fact.told_at.as_ref());
            let told = format!("told by {}, {told}", channel(fact.channel()));
            let told = with_entry(self.style, &told, &fact.entry_id);
            self.lines.push(format!("{indent}{}", self.style.paint(Ink::Faint, &told)));
        }
    }

    fn products(&mut self, briefing: &pb::Briefing) {
        self.heading("Products", briefing.products.len(), 0);
        for product in &briefing.products {
            let warranty = product.warranty.clone().unwrap_or_default();
            let (word, ink) = match warranty.state() {
                Warranty::InWarranty => ("covered", Ink::Good),
                Warranty::Expired => ("expired", Ink::Warning),
                Warranty::NotYet => ("not yet", Ink::Faint),
                Warranty::Unknown | Warranty::Unspecified => ("bought", Ink::Faint),
            };
            self.line(word, ink, &format!("{} × {}", product.quantity, product.name));
            let mut parts = vec![moment(self.style, product.bought_at.as_ref())];
            let mut add = |word: &str, text: &str| {
                if !text.is_empty() {
                    parts.push(format!("{word} {text}"));
                }
            };
            add("order", &product.order_number);
            add("serial number", &product.serial_number);
            add("warranty until", &warranty.last_day);
            if product.returned_quantity > 0 {
                parts.push(format!("{} came back", product.returned_quantity));
            }
            self.more(&parts.join(", "), &product.entry_id);
        }
    }

    fn quotes(&mut self, briefing: &pb::Briefing) {
        self.heading("Quotes", briefing.quotes.len(), 0);
        for quote in &briefing.quotes {
            let price = quote.price.as_ref().map(|price| format!(" {}", money(price)));
            let text = format!("{} {}{}", quote.sku, quote.offer, price.unwrap_or_default());
            let (word, ink) = match quote.conflicts_with.is_empty() {
                true => ("quote", Ink::Good),
                false => ("CONFLICT", Ink::Warning),
            };
            self.line(word, ink, text.trim());
            let until = moment(self.style, quote.valid_until.as_ref());
            let text = format!("valid until {until}, given by {}", channel(quote.channel()));
            self.more(&text, &quote.entry_id);
        }
    }

    fn last_entries(&mut self, briefing: &pb::Briefing) {
        self.heading("Last by channel", briefing.last_entries.len(), 0);
        for entry in &briefing.last_entries {
            let summary = if entry.summary.is_empty() { "(no text)" } else { &entry.summary };
            self.line(&channel(entry.channel()), Ink::Channel, summary);
            let mut parts = vec![moment(self.style, entry.occurred_at.as_ref())];
            if !entry.agent.is_empty() {
                parts.push(format!("with {}", entry.agent));
            }
            self.more(&parts.join(", "), &entry.entry_id);
        }
    }

    /// A heading with the number of lines that follow, if there are any.
    fn heading(&mut self, text: &str, shown: usize, more: i32) {
        if shown == 0 {
            return;
        }
        let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
        self.lines.push(String::new());
        self.lines.push(self.style.paint(Ink::Strong, &format!("{text}{more}")));
    }

    /// A line about the customer, if it has a text.
    fn label(&mut self, label: &str, text: &str) {
        if text.is_empty() {
            return;
        }
        let label = self.style.paint(Ink::Faint, &pad(label, TEXT_AT - 4));
        let space = self.style.width.saturating_sub(TEXT_AT).max(LEAST_WIDTH);
        let mut rows = wrap(text, space).into_iter();
        self.lines.push(format!("  {label}  {}", rows.next().unwrap_or_default()));
        self.lines.extend(rows.map(|row| format!("{}{row}", " ".repeat(TEXT_AT))));
    }

    /// A word, and a wrapped text next to it.
    fn line(&mut self, word: &str, ink: Ink, text: &str) {
        let word = self.style.paint(ink, &pad(word, TEXT_AT - 4));
        let space = self.style.width.saturating_sub(TEXT_AT).max(LEAST_WIDTH);
        let mut rows = wrap(text, space).into_iter();
        self.lines.push(format!("  {word}  {}", rows.next().unwrap_or_default()));
        self.lines.extend(rows.map(|row| format!("{}{row}", " ".repeat(TEXT_AT))));
    }

    /// A further line about the line above, and with --full its entry.
    fn more(&mut self, text: &str, entry_id: &str) {
        let text = with_entry(self.style, text, entry_id);
        let space = self.style.width.saturating_sub(TEXT_AT).max(LEAST_WIDTH);
        for row in wrap(&text, space) {
            let row = self.style.paint(Ink::Faint, &row);
            self.lines.push(format!("{}{row}", " ".repeat(TEXT_AT)));
        }
    }
}

fn with_entry(style: &TerminalStyle, text: &str, entry_id: &str) -> String {
    match style.full && !entry_id.is_empty() {
        true => format!("{text} (entry {entry_id})"),
        false => text.to_owned(),
    }
}

/// A key in words.
fn key(fact: &pb::BriefedFact) -> String {
    safe(&fact.key).replace('_', " ")
}

/// A day and time in the terminal's zone.
fn moment(style: &TerminalStyle, at: Option<&prost_types::Timestamp>) -> String {
    match style.moment(at) {
        Some((day, time)) => format!("{} {time}", long_day(day)),
        None => "?".to_owned(),
    }
}
