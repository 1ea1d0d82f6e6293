//! Parses days, times, hours and zones. Formats are strict: what is missing or written otherwise is
//! refused, not guessed.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};

use crate::model::OpeningHours;

/// The longest name of a zone that is looked up; the IANA database has none above 32 characters.
const MAX_ZONE_BYTES: usize = 64;

/// A day such as "2026-03-29", or the rule that the text violates.
pub fn day(text: &str) -> Result<Date, &'static str> {
    const RULE: &str = "must be a day of the calendar, written as 2026-03-29";
    let day = has_form(text, "0000-00-00").then(|| text.parse().ok()).flatten();
    day.ok_or(RULE)
}

/// A time such as "2026-03-29T14:30", to the second at most, or the rule that the text violates. It
/// has no offset: the zone determines it.
pub fn local_time(text: &str) -> Result<DateTime, &'static str> {
    const RULE: &str = "must be a local time without an offset, written as 2026-03-29T14:30";
    let known = ["0000-00-00T00:00", "0000-00-00T00:00:00"];
    let at: Option<DateTime> = match known.iter().any(|form| has_form(text, form)) {
        // A leap second would be parsed as the second before it.
        true if !text[16..].ends_with("60") => text.parse().ok(),
        _ => None,
    };
    at.ok_or(RULE)
}

/// A time zone by its name in the IANA database, in any case, or the rule that it violates.
pub fn zone(name: &str) -> Result<TimeZone, &'static str> {
    const RULE: &str = "must be a time zone of the IANA database, such as Europe/Amsterdam or UTC";
    let found = match name.len() {
        1..=MAX_ZONE_BYTES => TimeZone::get(name).ok(),
        _ => None,
    };
    found.filter(|zone| !zone.is_unknown()).ok_or(RULE)
}

/// Opening hours such as "09:00-17:30", or the rule that the text violates.
pub fn hours(text: &str) -> Result<OpeningHours, &'static str> {
    const RULE: &str = "must be hours, written as 09:00-17:30, and 24:00 for the end of the day";
    if !has_form(text, "00:00-00:00") {
        return Err(RULE);
    }
    let minutes = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (hour <= 24 && minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-').ok_or(RULE)?;
    match (minutes(from), minutes(to)) {
        (Some(from), Some(to)) => Ok(OpeningHours { from, to }),
        _ => Err(RULE),
    }
}

/// Whether a text has a given form: digits where the form has zeros, and the same characters
/// elsewhere.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(is, wanted): (u8, u8)| match wanted {
        b'0' => is.is_ascii_digit(),
        _ => is == wanted,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}
