//! Renders customers and entries for a terminal: pure functions from messages to text.

mod audit;
mod briefing;
mod case;
mod entry;
mod found;
mod identity;
mod order;
mod suggestion;
mod text;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

pub use audit::{audit_entries, verified};
pub use briefing::{briefing, candidates};
pub use entry::EntryPrinter;
pub use found::found;
pub use suggestion::{suggestion, thousands};
pub(crate) use text::{pad, safe, wrap};

use crate::pb::{self, IdentifierKind as Kind, IdentifierVerification as Verification};

/// How many identifiers of a customer are shown.
const MAX_SHOWN: usize = 12;

/// The properties of the output.
#[derive(Clone, Debug)]
pub struct TerminalStyle {
    /// In columns.
    pub width: usize,
    pub colour: bool,
    /// The time zone of days and times.
    pub zone: TimeZone,
    /// Whether long texts and conversations are shown in full.
    pub full: bool,
}

/// The meaning of a piece of text, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    Strong,
    Faint,
    Channel,
    Good,
    Warning,
    Bad,
    Voice,
}

impl TerminalStyle {
    pub(crate) fn paint(&self, ink: Ink, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Strong => "1",
            Ink::Faint => "2",
            Ink::Channel => "36",
            Ink::Good => "32",
            Ink::Warning => "33",
            Ink::Bad => "31",
            Ink::Voice => "35",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// The day and the time of day of a point in time.
    fn moment(&self, time: Option<&prost_types::Timestamp>) -> Option<(Date, String)> {
        let time = time?;
        let time = Timestamp::new(time.seconds, time.nanos).ok()?.to_zoned(self.zone.clone());
        Some((time.date(), time.strftime("%H:%M").to_string()))
    }
}

/// A day in words, such as "Tuesday 4 March 2025".
fn long_day(day: Date) -> String {
    day.strftime("%A %-d %B %Y").to_string()
}

/// A date of the contract (YYYY-MM-DD) in words, or as it is.
fn short_day(text: &str) -> String {
    match text.parse::<Date>() {
        Ok(day) => day.strftime("%-d %B %Y").to_string(),
        Err(_) => safe(text),
    }
}

/// The name of a customer in one line.
pub fn name(customer: &pb::Customer) -> String {
    let Some(profile) = &customer.profile else { return "a customer without a name".to_owned() };
    let person = [profile.given_name.as_str(), profile.family_name.as_str()];
    let person = person.iter().filter(|part| !part.is_empty());
    let person = person.copied().collect::<Vec<_>>().join(" ");
    match (person.is_empty(), profile.organisation.is_empty()) {
        (false, true) => safe(&person),
        (true, false) => safe(&profile.organisation),
        (false, false) => format!("{}, {}", safe(&person), safe(&profile.organisation)),
        (true, true) => "a customer without a name".to_owned(),
    }
}

/// A customer: name, identifiers, address.
pub fn customer(customer: &pb::Customer, style: &TerminalStyle) -> String {
    let mut lines = vec![style.paint(Ink::Strong, &name(customer))];
    let mut line = |label: &str, value: &str| {
        lines.push(format!("  {} {value}", style.paint(Ink::Faint, &format!("{label:<15}"))));
    };
    line("customer", &safe(&customer.id));
    for identifier in customer.identifiers.iter().take(MAX_SHOWN) {
        let (label, value) = identifier_line(identifier);
        line(label, &value);
    }
    if customer.identifiers.len() > MAX_SHOWN {
        line("", &format!("and {} more", customer.identifiers.len() - MAX_SHOWN));
    }
    if let Some(profile) = &customer.profile {
        if let Some(address) = profile.address.as_ref().map(address).filter(|a| !a.is_empty()) {
            line("address", &address);
        }
        if !profile.birth_date.is_empty() {
            line("born", &short_day(&profile.birth_date));
        }
        if !profile.language.is_empty() {
            line("language", &safe(&profile.language));
        }
        if profile.preferred_channel != 0 {
            line("prefers", &text::channel(profile.preferred_channel()));
        }
        for consent in &profile.consents {
            let word = if consent.granted { "agreed to" } else { "declined" };
            line(word, &safe(&consent.purpose));
        }
    }
    if customer.record_ids.len() > 1 {
        line("merged", &format!("of {} records", customer.record_ids.len()));
    }
    if let Some((day, _)) = style.moment(customer.created_at.as_ref()) {
        line("recorded since", &day.strftime("%-d %B %Y").to_string());
    }
    for merge in &customer.merges {
        let day = style.moment(merge.merged_at.as_ref()).map(|(day, _)| day);
        let day = day.map(|day| format!(" on {}", day.strftime("%-d %B %Y"))).unwrap_or_default();
        let (from, id) = (safe(&merge.from_customer_id), safe(&merge.id));
        line("merged with", &format!("{from}{day} by {}, as merge {id}", safe(&merge.actor)));
    }
    lines.join("\n") + "\n"
}

/// The kind of an identifier, and its value.
fn identifier_line(identifier: &pb::CustomerIdentifier) -> (&'static str, String) {
    let mut value = safe(&identifier.value);
    if !identifier.namespace.is_empty() {
        value.push_str(&format!(" ({})", safe(&identifier.namespace)));
    }
    if identifier.mixed_script {
        value.push_str(" (mixes scripts: it may be made to look like another)");
    }
    match identifier.verification() {
        Verification::Verified => value.push_str(", verified"),
        Verification::Shared => value.push_str(", used by several people"),
        Verification::Claimed | Verification::Unspecified => {}
    }
    (kind_name(identifier.kind()), value)
}

/// The name of a kind of identifier.
fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::CustomerNumber => "customer number",
        Kind::Account => "account",
        Kind::LoyaltyCard => "loyalty card",
        Kind::External => "external",
        Kind::Email => "e-mail",
        Kind::Social => "social",
        Kind::Phone => "phone",
        Kind::Cookie => "cookie",
        Kind::Unspecified => "identifier",
    }
}

fn address(address: &pb::PostalAddress) -> String {
    let mut parts: Vec<String> = address.lines.iter().map(|line| safe(line)).collect();
    let town = [safe(&address.postcode), safe(&address.locality)];
    let town: Vec<String> = town.into_iter().filter(|part| !part.is_empty()).collect();
    parts.push(town.join(" "));
    parts.push(safe(&address.region));
    parts.push(safe(&address.country_code));
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}

/// The last line of a list: how much was shown.
pub fn end(shown: usize, more: bool, style: &TerminalStyle) -> String {
    let text = match (shown, more) {
        (0, _) => "No entries.".to_owned(),
        (1, false) => "1 entry.".to_owned(),
        (_, false) => format!("{shown} entries."),
        (1, true) => "1 entry is shown, and there are more: see --limit.".to_owned(),
        (_, true) => format!("{shown} entries are shown, and there are more: see --limit."),
    };
    format!("\n{}\n", style.paint(Ink::Faint, &text))
}
