//! The entry filter arguments of the command line.

use clap::{Args, builder::PossibleValuesParser};
use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use super::failure::Failure;
use crate::{
    model::{Channel, EntryKind},
    pb,
};

/// An argument that is left out does not restrict.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which entries")]
pub struct EntryFilterArgs {
    /// Only entries of these channels
    #[arg(long, value_name = "CHANNEL", value_delimiter = ',', value_parser = channels())]
    channel: Vec<String>,
    /// Only entries of these kinds
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds())]
    kind: Vec<String>,
    /// Only entries from this day or time on: 2025-03-01 or 2025-03-01T14:30:00+01:00
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// Only entries up to and including this day, or before this time
    #[arg(long, value_name = "WHEN")]
    to: Option<String>,
    /// Only entries about the order with this number
    #[arg(long, value_name = "NUMBER")]
    order: Option<String>,
    /// Only entries of this case
    #[arg(long, value_name = "ID", conflicts_with = "order")]
    case: Option<String>,
}

fn channels() -> PossibleValuesParser {
    PossibleValuesParser::new(Channel::ALL.map(Channel::code))
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(EntryKind::ALL.map(EntryKind::code))
}

impl EntryFilterArgs {
    /// The filter of the call; days are in `zone`.
    pub fn filter(&self, zone: &TimeZone) -> Result<pb::EntryFilter, Failure> {
        let channel = |code: &String| {
            let name = format!("CHANNEL_{}", code.to_uppercase());
            pb::Channel::from_str_name(&name).unwrap_or_default().into()
        };
        let kind = |code: &String| {
            let name = format!("ENTRY_KIND_{}", code.to_uppercase());
            pb::EntryKind::from_str_name(&name).unwrap_or_default().into()
        };
        let time = |flag, text: &Option<String>, end| {
            text.as_ref().map(|text| when(flag, text, end, zone)).transpose()
        };
        Ok(pb::EntryFilter {
            channels: self.channel.iter().map(channel).collect(),
            kinds: self.kind.iter().map(kind).collect(),
            occurred_from: time("--from", &self.from, false)?,
            occurred_before: time("--to", &self.to, true)?,
            order_number: self.order.clone().unwrap_or_default(),
            case_id: self.case.clone().unwrap_or_default(),
        })
    }
}

/// The start of a day, or its end if `end` is set, or a point in time.
fn when(
    flag: &str,
    text: &str,
    end: bool,
    zone: &TimeZone,
) -> Result<prost_types::Timestamp, Failure> {
    let time = match (text.parse::<Date>(), text.parse::<Timestamp>()) {
        (_, Ok(time)) => Some(time),
        (Ok(day), Err(_)) => {
            let day = if end { day.checked_add(1.day()).ok() } else { Some(day) };
            day.and_then(|day| day.to_zoned(zone.clone()).ok()).map(|start| start.timestamp())
        }
        (Err(_), Err(_)) => None,
    };
    let time = time.ok_or_else(|| {
        Failure::Usage(format!("{flag}: write a day (2025-03-01) or 2025-03-01T14:30:00+01:00"))
    })?;
    Ok(prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() })
}
