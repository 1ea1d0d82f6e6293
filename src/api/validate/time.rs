//! Validates times and dates.

use prost_types::Timestamp;

use super::{Checker, Rules};
use crate::{clock::skew::ClockSkew, model::Micros};

/// 1900-01-01, in microseconds since 1970 UTC.
const EARLIEST: Micros = -2_208_988_800_000_000;
/// 9999-12-31T23:59:59.999999, the last timestamp of the contract.
const LATEST: Micros = 253_402_300_799_999_999;
/// How far a caller's clock may be ahead, in microseconds: one hour.
const AHEAD: Micros = 3_600_000_000;

impl Checker {
    /// A time in microseconds; the rest is truncated, in the message too.
    pub fn time(&mut self, field: &str, value: &mut Timestamp) -> Option<Micros> {
        if !(0..1_000_000_000).contains(&value.nanos) {
            self.fail(field, "nanos must be between 0 and 999999999");
            return None;
        }
        value.nanos -= value.nanos % 1000;
        let at = value
            .seconds
            .checked_mul(1_000_000)
            .and_then(|at| at.checked_add(i64::from(value.nanos / 1000)))
            .filter(|at| (EARLIEST..=LATEST).contains(at));
        if at.is_none() {
            self.fail(field, "must be between the years 1900 and 9999");
        }
        at
    }

    /// A time in the past.
    pub fn past_time(
        &mut self,
        field: &str,
        value: &mut Option<Timestamp>,
        rules: &Rules,
    ) -> Option<Micros> {
        let Some(value) = value else {
            self.fail(field, "is required");
            return None;
        };
        let at = self.time(field, value)?;
        if at > rules.clock.now().saturating_add(AHEAD) {
            rules.skew.iter().for_each(ClockSkew::note_early);
            self.fail_by_clock(field, "is in the future", rules);
        }
        Some(at)
    }

    /// A date as YYYY-MM-DD, or empty.
    pub fn date(&mut self, field: &str, value: &str) -> Option<jiff::civil::Date> {
        if value.is_empty() {
            return None;
        }
        let date = value.parse::<jiff::civil::Date>().ok();
        match date.filter(|date| value.len() == 10 && (1900..=2200).contains(&date.year())) {
            Some(date) => Some(date),
            None => {
                self.fail(field, "must be a date as YYYY-MM-DD between 1900 and 2200");
                None
            }
        }
    }
}
