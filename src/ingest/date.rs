//! Dates and times of files. Nothing is guessed that the map does not say: neither the order of day
//! and month, nor the time zone of a local time.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    fmt::{strtime, temporal::Pieces},
    tz::TimeZone,
};
use serde::Deserialize;

use super::map::OneOrMore;

/// The formats of a column, tried in this order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "OneOrMore")]
pub struct Formats(Vec<Format>);

/// A time zone of the IANA database, such as `Europe/Amsterdam`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(TimeZone);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Format {
    /// RFC 3339 and similar: `2025-03-01T11:20:00Z`, `2025-03-01 11:20`, `2025-03-01`.
    Iso,
    /// Seconds since 1970 UTC.
    Unix,
    /// Milliseconds since 1970 UTC.
    UnixMillis,
    /// A strptime pattern: `%d/%m/%Y %H:%M`.
    Pattern(String),
}

/// What a text says about the time.
enum Moment {
    Absolute(Timestamp),
    Local(DateTime),
}

impl Default for Formats {
    fn default() -> Self {
        Self(vec![Format::Iso])
    }
}

impl Formats {
    /// The point in time; a date without a time is its midnight. Fails with the reason.
    pub fn time(&self, text: &str, zone: Option<&Zone>) -> Result<Timestamp, String> {
        match self.moment(text)? {
            Moment::Absolute(at) => Ok(at),
            Moment::Local(local) => match zone {
                Some(Zone(zone)) => zone
                    .to_timestamp(local)
                    .map_err(|_| "is outside of the supported years".to_owned()),
                None => Err("is a local time: give `zone` in the map, such as \"Europe/Oslo\", \
                             or a format with the offset (%z)"
                    .to_owned()),
            },
        }
    }

    /// The day as it is written. Fails with the reason.
    pub fn day(&self, text: &str, zone: Option<&Zone>) -> Result<Date, String> {
        Ok(match self.moment(text)? {
            Moment::Local(local) => local.date(),
            Moment::Absolute(at) => {
                let zone = zone.map_or(TimeZone::UTC, |zone| zone.0.clone());
                zone.to_datetime(at).date()
            }
        })
    }

    /// Whether every format needs a zone.
    pub fn is_local(&self) -> bool {
        const ABSOLUTE: [&str; 6] = ["%z", "%:z", "%Q", "%:Q", "%s", "%+"];
        self.0.iter().all(|format| match format {
            Format::Pattern(pattern) => !ABSOLUTE.iter().any(|part| pattern.contains(part)),
            _ => false,
        })
    }

    fn moment(&self, text: &str) -> Result<Moment, String> {
        let found = self.0.iter().find_map(|format| format.moment(text));
        found.ok_or_else(|| format!("is not a date of the format {}", self.name()))
    }

    fn name(&self) -> String {
        let names = self.0.iter().map(|format| match format {
            Format::Iso => "iso",
            Format::Unix => "unix",
            Format::UnixMillis => "unix_ms",
            Format::Pattern(pattern) => pattern,
        });
        names.collect::<Vec<_>>().join(" or ")
    }
}

impl Format {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "iso" => return Ok(Self::Iso),
            "unix" => return Ok(Self::Unix),
            "unix_ms" => return Ok(Self::UnixMillis),
            _ if !text.contains('%') => {
                return Err(format!(
                    "\"{text}\" is not a date format: use \"iso\", \"unix\", \"unix_ms\" or a \
                     pattern such as \"%d/%m/%Y %H:%M\""
                ));
            }
            _ => {}
        }
        // A pattern is valid if it can write a time and read it back.
        let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let read = strtime::format(text, &sample).map(|sample| read_pattern(text, &sample));
        match read {
            Ok(Some(_)) => Ok(Self::Pattern(text.to_owned())),
            Ok(None) => Err(format!("\"{text}\" does not say the day, the month and the year")),
            Err(error) => Err(format!("\"{text}\" is not a date format: {error}")),
        }
    }

    fn moment(&self, text: &str) -> Option<Moment> {
        match self {
            Self::Iso => read_iso(text),
            Self::Unix => read_number(text, 1_000_000_000),
            Self::UnixMillis => read_number(text, 1_000_000),
            Self::Pattern(pattern) => read_pattern(pattern, text),
        }
    }

    /// Whether the pattern has the day before the month; none if one of them is not a number or the
    /// year comes first, which is unambiguous.
    fn day_first(&self) -> Option<bool> {
        let Self::Pattern(pattern) = self else { return None };
        let at = |names: &[&str]| names.iter().filter_map(|name| pattern.find(name)).min();
        let (day, month) = (at(&["%d", "%e", "%-d"])?, at(&["%m", "%-m"])?);
        let year = at(&["%Y", "%y", "%-y", "%C"])?;
        (year > day.min(month)).then_some(day < month)
    }
}

fn read_iso(text: &str) -> Option<Moment> {
    let pieces = Pieces::parse(text).ok()?;
    let local = pieces.date().to_datetime(pieces.time().unwrap_or_default());
    match pieces.to_numeric_offset() {
        Some(offset) => offset.to_timestamp(local).ok().map(Moment::Absolute),
        // A zone in brackets is rare and not supported.
        None if pieces.time_zone_annotation().is_some() => None,
        None => Some(Moment::Local(local)),
    }
}

fn read_number(text: &str, nanos: i128) -> Option<Moment> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > 9 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let whole = i128::from(whole.parse::<i64>().ok()?) * nanos;
    let part = format!("{part:0<9}").parse::<i128>().ok()? * nanos / 1_000_000_000;
    let sum = if text.starts_with('-') { whole - part } else { whole + part };
    Timestamp::from_nanosecond(sum).ok().map(Moment::Absolute)
}

fn read_pattern(pattern: &str, text: &str) -> Option<Moment> {
    let read = strtime::parse(pattern, text).ok()?;
    if let Ok(at) = read.to_timestamp() {
        return Some(Moment::Absolute(at));
    }
    read.to_datetime().ok().map(Moment::Local)
}

impl TryFrom<OneOrMore> for Formats {
    type Error = String;

    fn try_from(texts: OneOrMore) -> Result<Self, String> {
        let formats =
            texts.0.iter().map(|text| Format::parse(text)).collect::<Result<Vec<_>, _>>()?;
        if formats.is_empty() {
            return Err("give at least one date format".to_owned());
        }
        let mut orders = formats.iter().filter_map(Format::day_first);
        let first = orders.next();
        if orders.any(|order| Some(order) != first) {
            return Err(
                "the formats put day and month in both orders, so that 02/03 could be read \
                        as two days: give the one that the file has"
                    .to_owned(),
            );
        }
        Ok(Self(formats))
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        TimeZone::get(&name).map(Self).map_err(|_| {
            format!(
                "\"{name}\" is not a time zone: use a name such as \"Europe/Amsterdam\" or \"UTC\""
            )
        })
    }
}
