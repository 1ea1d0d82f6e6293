//! When what was promised is due, and when a company is open.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::Micros;

/// Till when something was promised, as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    At(Micros),
    /// What the clocks of a time zone show then.
    LocalTime {
        at: DateTime,
        zone: TimeZone,
    },
    /// Sometime on this day of the business calendar.
    Day(Date),
    /// So many minutes in which the company is open.
    BusinessMinutes(u32),
    /// So many days on which the company is open, after the day of the promise.
    BusinessDays(u32),
}

/// Hours of one day, as the clock on the wall shows them: minutes since its midnight, at most
/// 1,440. The last one is not within them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpeningHours {
    pub from: u16,
    pub to: u16,
}
