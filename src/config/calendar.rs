//! The file of the business calendar: when the company is open.
//!
//! ```toml
//! zone = "Europe/Amsterdam"
//! holidays = [2026-12-25, 2026-12-26]
//!
//! [week] # a day that is left out is closed
//! monday = "09:00-17:30"
//! thursday = ["09:00-12:30", "13:00-21:00"]
//!
//! [openings] # days that are not as the week has them
//! 2026-12-13 = "12:00-17:00"
//! ```

use std::collections::BTreeMap;

use jiff::civil::Date;
use toml::{Table, Value};

use super::{Problem, Problems, parse};
use crate::domain::calendar::{self, BusinessCalendar, DayHours};

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// The most exceptions a calendar may have: enough for many years.
const MAX_EXCEPTIONS: usize = 2000;

/// Reads the calendar of a file, or returns everything that is wrong with it.
pub fn read(name: &str, text: &str) -> Result<BusinessCalendar, Problems> {
    let mut reader = Reader { file: name, problems: Vec::new() };
    let calendar = reader.calendar(text);
    match calendar {
        Some(calendar) if reader.problems.is_empty() => Ok(calendar),
        _ => Err(Problems(reader.problems)),
    }
}

struct Reader<'a> {
    file: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn fail(&mut self, place: &str, advice: impl Into<String>) {
        let place = format!("{}: {place}", self.file);
        self.problems.push(Problem { place, advice: advice.into() });
    }

    /// Reads the calendar. None if there is a problem.
    fn calendar(&mut self, text: &str) -> Option<BusinessCalendar> {
        let file = parse(self.file, text, &mut self.problems)?;
        for key in file.keys() {
            if !["zone", "holidays", "week", "openings"].contains(&key.as_str()) {
                self.fail(
                    key,
                    "there is no such key; the file has zone and holidays, and below them the \
                     tables [week] and [openings]",
                );
            }
        }
        let zone = calendar::zone(file.get("zone").and_then(Value::as_str).unwrap_or_default());
        let zone = zone.map_err(|rule| self.fail("zone", rule)).ok();
        let week = self.week(&file);
        let mut exceptions = self.openings(&file);
        for day in self.holidays(&file) {
            if exceptions.insert(day, DayHours::CLOSED).is_some() {
                self.fail(&format!("holidays: {day}"), "is listed twice, or also in [openings]");
            }
        }
        if exceptions.len() > MAX_EXCEPTIONS {
            let advice = format!("must be {MAX_EXCEPTIONS} days at most with those of [openings]");
            self.fail("holidays", advice);
        }
        if !self.problems.is_empty() {
            return None;
        }
        let calendar = BusinessCalendar::new(zone?, week, exceptions);
        calendar.map_err(|rule| self.fail("week", rule)).ok()
    }

    fn week(&mut self, file: &Table) -> [DayHours; 7] {
        let mut week = [DayHours::CLOSED; 7];
        for (key, value) in self.table(file, "week") {
            let place = format!("week: {key}");
            match DAYS.iter().position(|day| *day == key) {
                Some(day) => week[day] = self.hours(&place, &value),
                None => self.fail(
                    &place,
                    format!(
                        "must be one of {}; what does not belong to the week must be above [week]",
                        DAYS.join(", ")
                    ),
                ),
            }
        }
        week
    }

    fn openings(&mut self, file: &Table) -> BTreeMap<Date, DayHours> {
        let mut openings = BTreeMap::new();
        for (key, value) in self.table(file, "openings") {
            let place = format!("openings: {key}");
            match calendar::day(&key) {
                Ok(day) => {
                    openings.insert(day, self.hours(&place, &value));
                }
                Err(rule) => self.fail(&place, rule),
            }
        }
        openings
    }

    fn holidays(&mut self, file: &Table) -> Vec<Date> {
        let days = match file.get("holidays") {
            None => &[],
            Some(Value::Array(days)) => days.as_slice(),
            Some(other) => std::slice::from_ref(other),
        };
        let mut holidays = Vec::new();
        for (index, day) in days.iter().enumerate() {
            let text = match day {
                Value::Datetime(day) => day.to_string(),
                Value::String(day) => day.clone(),
                _ => String::new(),
            };
            match calendar::day(&text) {
                Ok(day) => holidays.push(day),
                Err(rule) => self.fail(&format!("holidays: number {}", index + 1), rule),
            }
        }
        holidays
    }

    /// The rows of a table; empty if the key is missing.
    fn table(&mut self, file: &Table, key: &str) -> Table {
        match file.get(key) {
            None => Table::new(),
            Some(Value::Table(table)) => table.clone(),
            Some(_) => {
                self.fail(key, format!("must be a table: [{key}]"));
                Table::new()
            }
        }
    }

    /// Opening hours: one text or several.
    fn hours(&mut self, place: &str, value: &Value) -> DayHours {
        let texts = match value {
            Value::Array(texts) => texts.as_slice(),
            other => std::slice::from_ref(other),
        };
        let hours = texts.iter().map(|text| calendar::hours(text.as_str().unwrap_or_default()));
        let hours = hours.collect::<Result<Vec<_>, _>>().and_then(DayHours::new);
        hours.unwrap_or_else(|rule| {
            self.fail(place, rule);
            DayHours::CLOSED
        })
    }
}
