//! The file of retention rules: how long what happened is kept.
//!
//! ```toml
//! [[rule]]
//! kinds = ["interaction", "note"]
//! channels = ["chat", "messaging"] # without them: every channel
//! keep_days = 730
//!
//! [[rule]]
//! kinds = ["case", "promise", "quote"]
//! keep_days = 2555
//! ```

use toml::{Table, Value};

use super::{Problem, Problems, parse};
use crate::model::{Channel, RetentionKind, RetentionRule, RetentionRules};

/// A hundred years.
const MAX_DAYS: i64 = 36_525;

/// Reads the rules of a file, or returns everything that is wrong with it.
pub fn read(name: &str, text: &str) -> Result<RetentionRules, Problems> {
    let mut reader = Reader { file: name, problems: Vec::new() };
    let tables = reader.tables(text);
    let mut rules = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        rules.extend(reader.rule(&format!("rule {}", index + 1), table));
    }
    if rules.is_empty() && reader.problems.is_empty() {
        reader.fail("rule", "is missing: the file has tables [[rule]]");
    }
    if reader.problems.is_empty() {
        Ok(RetentionRules(rules))
    } else {
        Err(Problems(reader.problems))
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

    /// The tables called `rule`.
    fn tables(&mut self, text: &str) -> Vec<Table> {
        let Some(file) = parse(self.file, text, &mut self.problems) else { return Vec::new() };
        let mut tables = Vec::new();
        for (key, value) in file {
            match value {
                Value::Array(values) if key == "rule" => {
                    for value in values {
                        match value {
                            Value::Table(table) => tables.push(table),
                            _ => self.fail(&key, "must be tables: [[rule]]"),
                        }
                    }
                }
                _ if key == "rule" => self.fail(&key, "must be tables: [[rule]]"),
                _ => self.fail(&key, "there is no such key; the file has only tables [[rule]]"),
            }
        }
        tables
    }

    /// Reads a rule. None if there is a problem.
    fn rule(&mut self, place: &str, table: &Table) -> Option<RetentionRule> {
        for key in table.keys() {
            if !["kinds", "channels", "keep_days"].contains(&key.as_str()) {
                let advice = "there is no such key; a rule has kinds, channels and keep_days";
                self.fail(&format!("{place}: {key}"), advice);
            }
        }
        let kinds = table.get("kinds").and_then(|it| read_all(it, RetentionKind::from_code));
        if kinds.is_none() {
            let all = RetentionKind::ALL.map(RetentionKind::code).join(", ");
            self.fail(place, format!("kinds: must be some of {all}"));
        }
        let channels = match table.get("channels") {
            None => Some(Vec::new()),
            Some(value) => read_all(value, Channel::from_code),
        };
        if channels.is_none() {
            let all = Channel::ALL.map(Channel::code).join(", ");
            self.fail(place, format!("channels: must be some of {all}"));
        }
        let keep_days = table.get("keep_days").and_then(Value::as_integer);
        let keep_days = keep_days.filter(|days| (1..=MAX_DAYS).contains(days));
        if keep_days.is_none() {
            self.fail(place, format!("keep_days: must be a number from 1 to {MAX_DAYS}"));
        }
        let (kinds, channels, keep_days) = (kinds?, channels?, keep_days?);
        if !channels.is_empty() && kinds.iter().any(|kind| kind.is_whole()) {
            let advice = "channels: case, promise and quote are of no one channel; give them a \
                          rule of their own";
            self.fail(place, advice);
        }
        Some(RetentionRule { kinds, channels, keep_days })
    }
}

/// A list of at least one code.
fn read_all<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let codes = value.as_array().filter(|codes| !codes.is_empty())?;
    codes.iter().map(|code| read(code.as_str()?)).collect()
}
