//! The instant at which a promise is due. It is computed once, when the promise is made: a calendar
//! or a time zone that changes afterwards moves no promise.

use std::iter;

use jiff::{Timestamp, civil::Date};

use super::BusinessCalendar;
use crate::model::{Due, Micros};

/// The longest time from a promise to its due time: two years, one of them a leap year. In
/// microseconds.
pub const MAX_AHEAD: Micros = 731 * 24 * 60 * MINUTE;
const MINUTE: Micros = 60_000_000;
/// How many days a calendar is followed: those of `MAX_AHEAD`, the one of the promise, and one for
/// the hours by which two offsets of a zone differ.
const MAX_DAYS: usize = 733;

const RANGE: &str = "must be after now, and at most 2 years later";
const DAY_OVER: &str =
    "must be a day of which business hours are left: give a time of that day, or a later day";
const NONE: &str = "must be at least 1";

/// The due time of a promise made at a point in time, or the rule that it violates.
///
/// - A local time that occurs twice, when the clocks go back, is the first of the two. A local time
///   in a gap is moved forward by the length of the gap: 02:30 becomes 03:30 if 02:00 became 03:00
///   (RFC 5545, section 3.3.5).
/// - A day lasts until the end of its business hours. A day on which the company is closed lasts
///   until midnight in the calendar's zone: a customer who was told "on Sunday" does not expect it
///   on Monday.
/// - Business minutes count while the company is open, by elapsed time, whatever the clocks do. The
///   last of them may end at closing time.
/// - Business days are days on which the company is open, starting with the day after the promise,
///   in the calendar's zone; the last one lasts until the end of its business hours. The first day
///   does not count, as in Regulation (EEC, Euratom) No 1182/71, article 3.
pub fn due(
    given: &Due,
    made_at: Micros,
    calendar: &BusinessCalendar,
) -> Result<Micros, &'static str> {
    let due = match given {
        Due::BusinessMinutes(0) | Due::BusinessDays(0) => return Err(NONE),
        Due::At(at) => Some(*at),
        Due::LocalTime { at, zone } => {
            let at = zone.to_ambiguous_timestamp(*at).compatible();
            at.ok().map(Timestamp::as_microsecond)
        }
        Due::Day(day) => calendar.end_of(*day),
        Due::BusinessMinutes(minutes) => calendar.after_minutes(made_at, *minutes),
        Due::BusinessDays(days) => calendar.after_days(made_at, *days),
    };
    let due = due.ok_or(RANGE)?;
    let ahead = due.checked_sub(made_at).ok_or(RANGE)?;
    match ahead {
        1..=MAX_AHEAD => Ok(due),
        _ => match given {
            Due::Day(day) if calendar.day_of(made_at) == Some(*day) => Err(DAY_OVER),
            _ => Err(RANGE),
        },
    }
}

impl BusinessCalendar {
    /// The local day of a point in time in the calendar's zone. None outside of the years -9999 to
    /// 9999.
    pub fn day_of(&self, at: Micros) -> Option<Date> {
        let at = Timestamp::from_microsecond(at).ok()?;
        Some(self.zone.to_datetime(at).date())
    }

    /// The local day of a point in time and the following days, as far as a promise may reach.
    fn days_from(&self, at: Micros) -> impl Iterator<Item = Date> {
        iter::successors(self.day_of(at), |day| day.tomorrow().ok()).take(MAX_DAYS)
    }

    /// The end of business hours, or midnight if there are none.
    fn end_of(&self, day: Date) -> Option<Micros> {
        match self.spans(day).last() {
            Some((_, end)) => Some(*end),
            None => self.first_at(day.tomorrow().ok()?, 0),
        }
    }

    fn after_minutes(&self, made_at: Micros, minutes: u32) -> Option<Micros> {
        let mut left = Micros::from(minutes) * MINUTE;
        for (from, to) in self.days_from(made_at).flat_map(|day| self.spans(day)) {
            let from = from.max(made_at);
            let open = (to - from).max(0);
            if left <= open {
                return Some(from + left);
            }
            left -= open;
        }
        None
    }

    fn after_days(&self, made_at: Micros, days: u32) -> Option<Micros> {
        let days_after = self.days_from(made_at).skip(1);
        let mut ends = days_after.filter_map(|day| Some(self.spans(day).last()?.1));
        ends.nth(usize::try_from(days - 1).ok()?)
    }
}
