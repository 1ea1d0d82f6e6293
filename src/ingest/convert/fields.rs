//! Single fields of a row.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::money::AmountStyle,
    error::Violation,
    ingest::{
        map::{Day, Duration, DurationUnit, Map, Money, Value, Word},
        number::{read_float, read_money, read_scaled},
        row::Row,
        words::{find, list},
    },
    pb,
};

/// The rules that a row breaks.
#[derive(Debug, Default)]
pub(super) struct Faults(pub Vec<Violation>);

impl Faults {
    pub fn add(&mut self, field: &str, rule: impl Into<String>) {
        self.0.push(Violation::new(field, rule));
    }

    /// The value, or its default and a violation.
    pub fn take<T: Default>(&mut self, field: &str, read: Result<T, String>) -> T {
        read.unwrap_or_else(|reason| {
            self.add(field, reason);
            T::default()
        })
    }

    /// A text; empty where there is none.
    pub fn text(&mut self, field: &str, value: Option<&Value>, row: &Row) -> String {
        let text = value.map(|value| value.text(row)).transpose();
        self.take(field, text.map(Option::unwrap_or_default)).into_owned()
    }

    pub fn word_text(&mut self, field: &str, word: Option<&Word>, row: &Row) -> String {
        self.text(field, word.map(|word| &word.0), row)
    }

    /// A text that serves as a key; empty if any part of it is.
    pub fn key(&mut self, field: &str, value: Option<&Value>, row: &Row) -> String {
        let text = value.map(|value| value.key(row)).transpose();
        self.take(field, text.map(Option::unwrap_or_default)).into_owned()
    }

    /// The value of one of the product's words; none if the row has no text.
    pub fn word<T: Copy>(
        &mut self,
        field: &str,
        word: &Word,
        row: &Row,
        known: &[(&str, T)],
    ) -> Option<T> {
        let text = match word.0.text(row) {
            Ok(text) => text,
            Err(reason) => {
                self.add(field, reason);
                return None;
            }
        };
        let found = find(known, &text);
        if found.is_none() {
            let rule = match text.is_empty() {
                true => format!("{} is empty", word.0.name()),
                false => format!("{} is not one of {}", word.0.name(), list(known)),
            };
            self.add(field, rule);
        }
        found
    }

    /// A point in time; none if the row has no text.
    pub fn time(&mut self, field: &str, day: &Day, row: &Row, map: &Map) -> Option<Timestamp> {
        let text = self.text(field, Some(&day.value), row);
        if text.is_empty() {
            return None;
        }
        let format = day.format.as_ref().or(map.time.format.as_ref());
        let zone = day.zone.as_ref().or(map.time.zone.as_ref());
        let read = match format {
            Some(format) => format.time(&text, zone),
            None => crate::ingest::date::Formats::default().time(&text, zone),
        };
        let named = read.map(Some).map_err(|reason| format!("{} {reason}", day.value.name()));
        self.take(field, named)
    }

    /// A day as YYYY-MM-DD; empty if the row has no text.
    pub fn day(&mut self, field: &str, day: Option<&Day>, row: &Row, map: &Map) -> String {
        let text = self.text(field, day.map(|day| &day.value), row);
        let (Some(day), false) = (day, text.is_empty()) else { return String::new() };
        let format = day.format.as_ref().or(map.time.format.as_ref()).cloned().unwrap_or_default();
        let zone = day.zone.as_ref().or(map.time.zone.as_ref());
        let read = format.day(&text, zone).map(|day| day.to_string());
        self.take(field, read.map_err(|reason| format!("{} {reason}", day.value.name())))
    }

    /// An amount; none if the row has no text. The currency of the map is read from `head`.
    pub fn money(
        &mut self,
        field: &str,
        money: Option<&Money>,
        (row, head): (&Row, &Row),
        map: &Map,
    ) -> Option<pb::Money> {
        let money = money?;
        let text = self.text(field, Some(&money.value), row);
        if text.is_empty() {
            return None;
        }
        let currency = match &money.currency {
            Some(currency) => self.word_text(field, Some(currency), row),
            None => self.word_text(field, map.money.currency.as_ref(), head),
        };
        let currency_code = currency.to_uppercase();
        if currency_code.is_empty() {
            self.add(field, "has an amount without a currency");
            return None;
        }
        let style = AmountStyle {
            decimal: money.decimal.or(map.money.decimal).unwrap_or('.'),
            group: money.thousands.or(map.money.thousands),
        };
        let unit = money.unit.or(map.money.unit).unwrap_or_default();
        let read = read_money(&text, &currency_code, style, unit);
        let named = read.map_err(|reason| format!("{} {reason}", money.value.name()));
        let amount = self.take(field, named);
        let minor_units = if money.negate { -amount } else { amount };
        Some(pb::Money { currency_code, minor_units })
    }

    /// An integer; none if the row has no text.
    pub fn whole(&mut self, field: &str, value: &Value, row: &Row, map: &Map) -> Option<i64> {
        let text = self.text(field, Some(value), row);
        let read = read_scaled(&text, map.money.style(), 0);
        let named = read.map_err(|reason| format!("{} {reason}", value.name()));
        (!text.is_empty()).then(|| self.take(field, named))
    }

    /// A number; none if the row has no text.
    pub fn float(
        &mut self,
        field: &str,
        value: Option<&Value>,
        row: &Row,
        map: &Map,
    ) -> Option<f64> {
        let value = value?;
        let text = self.text(field, Some(value), row);
        let read = read_float(&text, map.money.style());
        let named = read.map_err(|reason| format!("{} {reason}", value.name()));
        (!text.is_empty()).then(|| self.take(field, named))
    }

    /// A duration; none if the row has no text.
    pub fn duration(
        &mut self,
        field: &str,
        duration: &Duration,
        row: &Row,
        map: &Map,
    ) -> Option<SignedDuration> {
        let text = row.get(&duration.column);
        if text.is_empty() {
            return None;
        }
        let read = read_duration(&text, duration.unit, map.money.style());
        let named = read.map_err(|reason| format!("column \"{}\" {reason}", duration.column));
        self.take(field, named.map(Some))
    }
}

/// The point in time as a protobuf timestamp, to the microsecond.
pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_microsecond();
    prost_types::Timestamp {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or(0),
    }
}

fn read_duration(
    text: &str,
    unit: DurationUnit,
    style: AmountStyle,
) -> Result<SignedDuration, String> {
    let scales: &[i64] = match unit {
        DurationUnit::Milliseconds => return milliseconds(text, style, 1),
        DurationUnit::Seconds => return milliseconds(text, style, 1000),
        DurationUnit::Minutes => return milliseconds(text, style, 60_000),
        DurationUnit::Hours => return milliseconds(text, style, 3_600_000),
        DurationUnit::HoursMinutesSeconds => &[3600, 60, 1],
        DurationUnit::MinutesSeconds => &[60, 1],
        DurationUnit::HoursMinutes => &[3600, 60],
    };
    let parts: Vec<&str> = text.split(':').collect();
    let wrong = || format!("has not {} parts with a colon between", scales.len());
    if parts.len() != scales.len() {
        return Err(wrong());
    }
    let mut seconds = 0i64;
    for (at, (part, scale)) in parts.iter().zip(scales).enumerate() {
        let digits = part.len() <= 9 && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: i64 = part.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        if at > 0 && number > 59 {
            return Err("has more than 59 of a part".to_owned());
        }
        seconds += number * scale;
    }
    Ok(SignedDuration::from_secs(seconds))
}

fn milliseconds(text: &str, style: AmountStyle, each: i64) -> Result<SignedDuration, String> {
    let micros = read_scaled(text, style, 3)?.checked_mul(each).ok_or("is too large")?;
    Ok(SignedDuration::from_micros(micros))
}
