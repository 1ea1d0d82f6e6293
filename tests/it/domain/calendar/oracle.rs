//! A slow reimplementation: it watches a wall clock minute by minute.

use std::collections::BTreeMap;

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use proptest::{collection::vec, prelude::*, sample::select};
use throughline::{
    domain::calendar::{BusinessCalendar, DayHours, due, zone},
    model::{Due, Micros, OpeningHours},
};

use super::at;

const MINUTE: Micros = 60_000_000;
/// How many days the clock is watched.
const WATCHED_DAYS: i64 = 8;
/// When the clocks change, and a usual night.
const CHANGES: [(&str, &str); 8] = [
    ("Europe/Amsterdam", "2026-03-29T01:00Z"),
    ("Europe/Amsterdam", "2026-10-25T01:00Z"),
    ("America/New_York", "2026-03-08T07:00Z"),
    ("America/New_York", "2026-11-01T06:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30Z"),
    ("Pacific/Apia", "2011-12-30T10:00Z"),
    ("UTC", "2026-06-01T00:00Z"),
];

#[derive(Clone, Debug)]
struct Plan {
    zone: TimeZone,
    week: Vec<Vec<OpeningHours>>,
    exceptions: BTreeMap<Date, Vec<OpeningHours>>,
    made_at: Micros,
}

impl Plan {
    fn calendar(&self) -> BusinessCalendar {
        let hours = |hours: &Vec<OpeningHours>| DayHours::new(hours.clone()).unwrap();
        let week: Vec<DayHours> = self.week.iter().map(hours).collect();
        let exceptions = self.exceptions.iter().map(|(day, of)| (*day, hours(of))).collect();
        BusinessCalendar::new(self.zone.clone(), week.try_into().unwrap(), exceptions).unwrap()
    }

    fn wall(&self, at: Micros) -> DateTime {
        self.zone.to_datetime(Timestamp::from_microsecond(at).unwrap())
    }

    fn is_open(&self, wall: DateTime) -> bool {
        let weekday = usize::try_from(wall.weekday().to_monday_zero_offset()).unwrap();
        let hours = self.exceptions.get(&wall.date()).unwrap_or(&self.week[weekday]);
        let minute =
            u16::try_from(wall.hour()).unwrap() * 60 + u16::try_from(wall.minute()).unwrap();
        hours.iter().any(|hours| (hours.from..hours.to).contains(&minute))
    }

    /// Each minute from the promise on, with the latest wall-clock time shown so far: a business
    /// that opened at two does not open again when it is two again.
    fn minutes(&self) -> impl Iterator<Item = (Micros, DateTime)> {
        let first = self.made_at - 24 * 60 * MINUTE;
        let mut latest = DateTime::MIN;
        let minutes = (0..(WATCHED_DAYS + 1) * 24 * 60).map(move |minute| first + minute * MINUTE);
        let shown = minutes.map(move |at| {
            latest = latest.max(self.wall(at));
            (at, latest)
        });
        shown.skip_while(|(at, _)| *at < self.made_at)
    }

    /// The end of each open day, as far as it was watched.
    fn ends(&self) -> BTreeMap<Date, Micros> {
        let open = self.minutes().filter(|(_, wall)| self.is_open(*wall));
        open.map(|(at, wall)| (wall.date(), at + MINUTE)).collect()
    }

    /// The last day that is watched to its end.
    fn last_day(&self) -> Date {
        self.wall(self.made_at + (WATCHED_DAYS - 2) * 24 * 60 * MINUTE).date()
    }
}

/// Disjoint opening hours, many of them at night, when clocks change.
fn hours() -> impl Strategy<Value = Vec<OpeningHours>> {
    let minute = prop_oneof![0..=240_u16, 0..=1440_u16, Just(1440), Just(120), Just(180)];
    vec(minute, 0..7).prop_map(|mut minutes| {
        minutes.sort_unstable();
        minutes.dedup();
        minutes.chunks_exact(2).map(|pair| OpeningHours { from: pair[0], to: pair[1] }).collect()
    })
}

fn plan() -> impl Strategy<Value = Plan> {
    let days = vec((-2..4_i64, hours()), 0..3);
    let minutes = -3 * 24 * 60..24 * 60_i64;
    let parts = (select(&CHANGES[..]), vec(hours(), 7), days, minutes);
    let plan = parts.prop_map(|((name, change), week, days, minutes)| {
        let zone = zone(name).unwrap();
        let middle = zone.to_datetime(Timestamp::from_microsecond(at(change)).unwrap()).date();
        let exceptions = days.into_iter().map(|(days, hours)| (middle + days.days(), hours));
        let exceptions = exceptions.collect();
        Plan { zone, week, exceptions, made_at: at(change) + minutes * MINUTE }
    });
    plan.prop_filter("is open once a week", |plan| plan.week.iter().any(|day| !day.is_empty()))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn business_minutes_are_those_that_the_clock_shows(plan in plan(), minutes in 1..2000_u32) {
        let open = plan.minutes().filter(|(_, wall)| plan.is_open(*wall));
        let last = open.map(|(at, _)| at).nth(usize::try_from(minutes).unwrap() - 1);
        let found = due(&Due::BusinessMinutes(minutes), plan.made_at, &plan.calendar());
        match last {
            Some(last) => prop_assert_eq!(found, Ok(last + MINUTE)),
            None => {
                let watched = plan.made_at + WATCHED_DAYS * 24 * 60 * MINUTE;
                prop_assert!(found.is_err() || found > Ok(watched), "{:?}", found);
            }
        }
    }

    #[test]
    fn days_end_when_the_clock_says_so(plan in plan(), days in 1..5_u32) {
        let today = plan.wall(plan.made_at).date();
        let (ends, last) = (plan.ends(), plan.last_day());
        let after = ends.iter().filter(|(day, _)| (today..=last).contains(day) && **day != today);
        let expected = after.map(|(_, end)| *end).nth(usize::try_from(days).unwrap() - 1);
        let found = due(&Due::BusinessDays(days), plan.made_at, &plan.calendar());
        match expected {
            Some(end) => prop_assert_eq!(found, Ok(end)),
None => prop_assert!(found.is_ok_and(|end| plan.wall(end - 1).date() > last)),
        }
        for day in today.tomorrow().unwrap().series(1.day()).take_while(|day| *day <= last) {
            let midnight = || plan.minutes().find(|(_, wall)| wall.date() > day).unwrap().0;
            let end = ends.get(&day).copied().unwrap_or_else(midnight);
            prop_assert_eq!(due(&Due::Day(day), plan.made_at, &plan.calendar()), Ok(end), "{}", day);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512, failure_persistence: None, ..Default::default()
    })]

    #[test]
    fn more_is_never_earlier_and_ends_in_opening_hours(
        plan in plan(),
        less in 1..60_000_u32,
        more in 1..60_000_u32,
        later in 0..10 * 24 * 60 * MINUTE,
    ) {
        let calendar = plan.calendar();
        let of = |minutes, at| due(&Due::BusinessMinutes(minutes), at, &calendar);
        let Ok(first) = of(less, plan.made_at) else { return Ok(()) };
        prop_assert!(first - plan.made_at >= Micros::from(less) * MINUTE);
        if let Ok(second) = of(less + more, plan.made_at) {
            prop_assert!(second - first >= Micros::from(more) * MINUTE);
            prop_assert_eq!(of(more, first), Ok(second), "in two steps as in one");
        }
        if let Ok(second) = of(less, plan.made_at + later) {
            prop_assert!(second >= first);
        }
        let last = plan.wall(first - 1);
        let twice = plan.zone.to_ambiguous_timestamp(last).is_ambiguous();
        prop_assert!(twice || plan.is_open(last), "{}", last);
    }

    #[test]
    fn whatever_is_given_has_an_answer(given in any::<Micros>(), made_at in any::<Micros>()) {
        let calendar = BusinessCalendar::default();
        for given in [Due::At(given), Due::BusinessMinutes(given as u32), Due::BusinessDays(9)] {
            if let Ok(due) = due(&given, made_at, &calendar) {
                prop_assert!(due > made_at);
            }
        }
    }
}
