//! Due times and opening hours.

use jiff::{
    civil::{Date, DateTime},
    tz::TimeZone,
};

use super::Micros;

/// When something is due, as the caller stated it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    At(Micros),
    /// A local time in a time zone.
    LocalTime {
        at: DateTime,
        zone: TimeZone,
    },
    /// A day of the business calendar.
    Day(Date),
    /// A number of business minutes.
    BusinessMinutes(u32),
    /// A number of business days, after the day of the promise.
    BusinessDays(u32),
}

/// Opening hours of a day in minutes since local midnight, at most 1,440. The end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpeningHours {
    pub from: u16,
    pub to: u16,
}
