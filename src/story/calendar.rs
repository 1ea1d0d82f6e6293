//! When a company is open, and by that when a promise is due.

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
/// Monday to Friday where nothing is configured.
const OFFICE: OpeningHours = OpeningHours { from: 9 * 60, to: 17 * 60 };

/// The opening hours of a week, and the days that are not as the week has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusinessCalendar {
    zone: TimeZone,
    /// From Monday on.
    week: [DayHours; 7],
    /// Holidays, which have no hours, and openings out of the common.
    exceptions: BTreeMap<Date, DayHours>,
}

/// When it is open on one day: in order, and none into another. Nothing: closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DayHours(Vec<OpeningHours>);

impl DayHours {
    pub const CLOSED: Self = Self(Vec::new());

    /// Hours in whatever order, or the rule that they break.
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
    /// A calendar, or the rule that it breaks: one that is open on no day of the week would put
    /// off what is promised for ever.
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

    /// When it is open on a day, as points in time: in order, and none of them empty.
    ///
    /// Hours begin and end when the clock on the wall first shows their minute, or first a later
    /// one, where the clocks skip it. So each of them is one piece of time, they stay apart, and
    /// they are longer or shorter than they look where the clocks go back or forward within them.
    fn spans(&self, day: Date) -> Vec<(Micros, Micros)> {
        let weekday = usize::from(day.weekday().to_monday_zero_offset().unsigned_abs());
        let hours = self.exceptions.get(&day).unwrap_or(&self.week[weekday]);
        let spans = hours.0.iter().filter_map(|hours| {
            Some((self.first_at(day, hours.from)?, self.first_at(day, hours.to)?))
        });
        spans.filter(|(from, to)| from < to).collect()
    }

    /// When the clock first shows so many minutes after the midnight of a day, or more. None
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
            // The earlier reading is before the clocks go forward, by less than they do.
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
