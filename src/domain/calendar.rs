//! Business calendars: opening hours, holidays and the due times that follow from them.

mod due;
mod read;

use std::{array, collections::BTreeMap};

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};

use crate::model::{Micros, OpeningHours};

pub use due::{MAX_AHEAD, due};
pub use read::{day, hours, local_time, zone};

const MINUTES_A_DAY: u16 = 24 * 60;
/// The default hours, Monday to Friday.
const OFFICE: OpeningHours = OpeningHours { from: 9 * 60, to: 17 * 60 };

/// The opening hours of a week, and the exceptions from them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessCalendar {
    zone: TimeZone,
    /// Starting with Monday.
    week: [DayHours; 7],
    /// Holidays, which have no hours, and extraordinary opening hours.
    exceptions: BTreeMap<Date, DayHours>,
}

/// The opening hours of a day, sorted and disjoint. Empty: closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayHours(Vec<OpeningHours>);

impl DayHours {
    pub const CLOSED: Self = Self(Vec::new());

    /// Hours in any order, or the rule that they violate.
    pub fn new(mut hours: Vec<OpeningHours>) -> Result<Self, &'static str> {
        hours.sort_unstable();
        if hours.iter().any(|hours| hours.from >= hours.to || hours.to > MINUTES_A_DAY) {
            return Err("must end after they begin, and at 24:00 at the latest: hours over \
                        midnight are those till 24:00 and those from 00:00 of the next day");
        }
        if hours.is_sorted_by(|first, next| first.to <= next.from) {
            Ok(Self(hours))
        } else {
            Err("must not run into one another")
        }
    }
}

impl BusinessCalendar {
    /// A calendar, or the rule that it violates. A calendar that is closed on every day of the week
    /// is refused, since nothing would ever fall due.
    pub fn new(
        zone: TimeZone,
        week: [DayHours; 7],
        exceptions: BTreeMap<Date, DayHours>,
    ) -> Result<Self, &'static str> {
        match week.iter().all(|hours| *hours == DayHours::CLOSED) {
            true => Err("must be open on one day of the week at least"),
            false => Ok(Self { zone, week, exceptions }),
        }
    }

    /// The opening hours of a day as points in time, sorted and not empty.
    ///
    /// Hours begin and end when the local clock first shows their minute, or the first later minute
    /// if the clock skips it. So each of them is contiguous, they stay disjoint, and they are
    /// longer or shorter than they look on days when the clock is changed within them.
    fn spans(&self, day: Date) -> Vec<(Micros, Micros)> {
        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        let hours = self.exceptions.get(&day).unwrap_or(&self.week[weekday]);
        let spans = hours.0.iter().filter_map(|hours| {
            Some((self.first_at(day, hours.from)?, self.first_at(day, hours.to)?))
        });
        spans.filter(|(from, to)| from < to).collect()
    }

    /// When the local clock first shows so many minutes after midnight of a day, or more. None
    /// outside of the years -9999 to 9999.
    fn first_at(&self, day: Date, minutes: u16) -> Option<Micros> {
        let (day, minutes) = match minutes {
            MINUTES_A_DAY => (day.tomorrow().ok()?, 0),
            _ => (day, minutes),
        };
        let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
        let local = day.to_datetime(Time::new(hour, minute, 0, 0).ok()?);
        let found = self.zone.to_ambiguous_timestamp(local);
        let earlier = found.earlier().ok()?;
        match found.offset() {
            // The earlier offset is the one before the clocks go forward.
            AmbiguousOffset::Gap { .. } => {
                self.zone.following(earlier).next().map(|change| change.timestamp())
            }
            _ => Some(earlier),
        }
        .map(Timestamp::as_microsecond)
    }
}

/// Monday to Friday 09:00-17:00 UTC, and no holidays.
impl Default for BusinessCalendar {
    fn default() -> Self {
        let week = array::from_fn(|day| match day {
            0..5 => DayHours(vec![OFFICE]),
            _ => DayHours::CLOSED,
        });
        Self { zone: TimeZone::UTC, week, exceptions: BTreeMap::new() }
    }
}
