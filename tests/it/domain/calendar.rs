//! When a promise is due.

mod oracle;

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _, civil::Date};
use throughline::{
    domain::calendar::{BusinessCalendar, DayHours, MAX_AHEAD, day, due, hours, local_time, zone},
    model::{Due, Micros},
};

/// A point in time, written with its offset.
fn at(text: &str) -> Micros {
    text.parse::<Timestamp>().unwrap().as_microsecond()
}

fn day_hours(texts: &[&str]) -> DayHours {
    DayHours::new(texts.iter().map(|text| hours(text).unwrap()).collect()).unwrap()
}

/// Open at the same hours on every day, apart from exceptions.
fn calendar(name: &str, week: &[&str], exceptions: &[(&str, &[&str])]) -> BusinessCalendar {
    let exceptions = exceptions.iter().map(|(text, hours)| (day(text).unwrap(), day_hours(hours)));
    let week = [(); 7].map(|()| day_hours(week));
    BusinessCalendar::new(zone(name).unwrap(), week, exceptions.collect()).unwrap()
}

/// Monday to Friday 09:00-17:00, Thursday to 21:00 with a break, and closed at Christmas.
fn shop(name: &str) -> BusinessCalendar {
    let office = day_hours(&["09:00-17:00"]);
    let late = day_hours(&["09:00-12:30", "13:00-21:00"]);
    let [mon, tue, wed, fri] = [(); 4].map(|()| office.clone());
    let week = [mon, tue, wed, late, fri, DayHours::CLOSED, DayHours::CLOSED];
    let exceptions = BTreeMap::from([
        (day("2026-12-25").unwrap(), DayHours::CLOSED),
        (day("2026-12-20").unwrap(), day_hours(&["12:00-16:00"])),
    ]);
    BusinessCalendar::new(zone(name).unwrap(), week, exceptions).unwrap()
}

#[track_caller]
fn check(calendar: &BusinessCalendar, made_at: &str, given: &Due, expected: &str) {
    let due = due(given, at(made_at), calendar);
    let shown = due.map(|due| Timestamp::from_microsecond(due).unwrap());
    assert_eq!(shown, Ok(expected.parse().unwrap()), "{given:?} from {made_at}");
}

fn local(text: &str, name: &str) -> Due {
    Due::LocalTime { at: local_time(text).unwrap(), zone: zone(name).unwrap() }
}

#[test]
fn a_local_time_that_is_skipped_or_comes_twice() {
    let utc = BusinessCalendar::default();
    for (made_at, text, name, expected) in [
        ("2026-03-01T00:00Z", "2026-03-29T01:59", "Europe/Amsterdam", "2026-03-29T00:59Z"),
        ("2026-03-01T00:00Z", "2026-03-29T02:30", "Europe/Amsterdam", "2026-03-29T03:30+02"),
        ("2026-03-01T00:00Z", "2026-10-25T02:30", "Europe/Amsterdam", "2026-10-25T02:30+02"),
        ("2026-03-01T00:00Z", "2026-10-25T03:00", "Europe/Amsterdam", "2026-10-25T03:00+01"),
        ("2026-03-01T00:00Z", "2026-03-08T02:30", "America/New_York", "2026-03-08T03:30-04"),
        ("2026-03-01T00:00Z", "2026-11-01T01:30:30", "america/new_york", "2026-11-01T05:30:30Z"),
        // Half an hour.
        ("2026-03-01T00:00Z", "2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-04T02:45+11"),
        ("2026-03-01T00:00Z", "2026-04-05T01:45", "Australia/Lord_Howe", "2026-04-05T01:45+11"),
        // A day that was not.
        ("2011-12-01T00:00Z", "2011-12-30T12:00", "Pacific/Apia", "2011-12-31T12:00+14"),
    ] {
        check(&utc, made_at, &local(text, name), expected);
    }
}

#[test]
fn a_day_lasts_to_the_end_of_its_hours_or_to_midnight() {
    let shop = shop("Europe/Amsterdam");
    for (text, expected) in [
        ("2026-12-18", "2026-12-18T17:00+01"),
        ("2026-12-17", "2026-12-17T21:00+01"),
        ("2026-12-19", "2026-12-20T00:00+01"),
        ("2026-12-20", "2026-12-20T16:00+01"),
        ("2026-12-25", "2026-12-26T00:00+01"),
        // A Sunday of 23 hours.
        ("2027-03-28", "2027-03-29T00:00+02"),
    ] {
        check(&shop, "2026-12-10T10:00Z", &Due::Day(day(text).unwrap()), expected);
    }
    let apia = calendar("Pacific/Apia", &["09:00-17:00"], &[]);
    let skipped = Due::Day(day("2011-12-30").unwrap());
    check(&apia, "2011-12-28T10:00Z", &skipped, "2011-12-31T00:00+14");
}

#[test]
fn business_minutes_pass_while_it_is_open() {
    let shop = shop("Europe/Amsterdam");
    for (made_at, minutes, expected) in [
        ("2026-12-14T09:00+01", 1, "2026-12-14T09:01+01"),
        ("2026-12-14T09:00:30.000001+01", 1, "2026-12-14T09:01:30.000001+01"),
        ("2026-12-14T09:00+01", 8 * 60, "2026-12-14T17:00+01"),
        ("2026-12-14T09:00+01", 8 * 60 + 1, "2026-12-15T09:01+01"),
        ("2026-12-14T17:00+01", 60, "2026-12-15T10:00+01"),
        ("2026-12-14T06:00+01", 60, "2026-12-14T10:00+01"),
        // The break of a Thursday.
        ("2026-12-17T12:00+01", 60, "2026-12-17T13:30+01"),
        // A week-end with an exceptional opening, and Christmas before another week-end.
        ("2026-12-18T16:00+01", 4 * 60, "2026-12-20T15:00+01"),
        ("2026-12-24T20:00+01", 2 * 60, "2026-12-28T10:00+01"),
        // The week-ends at which the clocks change: the hours of Monday are those on the wall.
        ("2026-03-27T16:00+01", 2 * 60, "2026-03-30T10:00+02"),
        ("2026-10-23T16:00+02", 2 * 60, "2026-10-26T10:00+01"),
    ] {
        check(&shop, made_at, &Due::BusinessMinutes(minutes), expected);
    }
}

#[test]
fn hours_in_which_the_clocks_change_are_as_long_as_they_are() {
    let night = calendar("Europe/Amsterdam", &["01:00-04:00"], &[]);
    let minutes = Due::BusinessMinutes;
    // Two hours in spring, and four in autumn.
    check(&night, "2026-03-29T01:00+01", &minutes(120), "2026-03-29T04:00+02");
    check(&night, "2026-03-29T01:00+01", &minutes(121), "2026-03-30T01:01+02");
    check(&night, "2026-10-25T01:00+02", &minutes(240), "2026-10-25T04:00+01");
    check(&night, "2026-10-25T01:00+02", &minutes(241), "2026-10-26T01:01+01");
    // Hours that begin or end within the skipped time do so when the clocks go forward; hours
    // entirely within it do not exist.
    let skipped = calendar("Europe/Amsterdam", &["02:10-02:50", "02:55-03:30"], &[]);
    check(&skipped, "2026-03-29T00:00+01", &minutes(30), "2026-03-29T03:30+02");
    check(&skipped, "2026-03-29T00:00+01", &minutes(31), "2026-03-30T02:11+02");
    // Hours that end within the repeated time end the first time.
    let twice = calendar("America/New_York", &["00:00-01:30"], &[]);
    check(&twice, "2026-11-01T00:00-04", &minutes(90), "2026-11-01T01:30-04");
    check(&twice, "2026-11-01T00:00-04", &minutes(91), "2026-11-02T00:01-05");
    // Half an hour more.
    let howe = calendar("Australia/Lord_Howe", &["00:00-06:00"], &[]);
    check(&howe, "2026-04-05T00:00+11", &minutes(390), "2026-04-05T06:00+10:30");
    // The whole day of 30 December 2011 was skipped.
    let apia = calendar("Pacific/Apia", &["09:00-17:00"], &[]);
    check(&apia, "2011-12-29T16:00-10", &minutes(120), "2011-12-31T10:00+14");
    check(&apia, "2011-12-29T16:00-10", &Due::BusinessDays(1), "2011-12-31T17:00+14");
    // Round the clock.
    let always = calendar("America/New_York", &["00:00-24:00"], &[]);
    check(&always, "2026-03-07T12:00-05", &minutes(24 * 60), "2026-03-08T13:00-04");
}

#[test]
fn business_days_begin_the_day_after() {
    let shop = shop("Europe/Amsterdam");
    for (made_at, days, expected) in [
        ("2026-12-14T08:00+01", 1, "2026-12-15T17:00+01"),
        ("2026-12-14T23:30+01", 1, "2026-12-15T17:00+01"),
        // The day is that of the calendar's zone.
        ("2026-12-14T23:30Z", 1, "2026-12-16T17:00+01"),
        ("2026-12-16T10:00+01", 1, "2026-12-17T21:00+01"),
        ("2026-12-18T10:00+01", 1, "2026-12-20T16:00+01"),
        ("2026-12-18T10:00+01", 2, "2026-12-21T17:00+01"),
        ("2026-12-24T10:00+01", 1, "2026-12-28T17:00+01"),
        ("2026-12-26T10:00+01", 1, "2026-12-28T17:00+01"),
        ("2026-03-27T10:00+01", 1, "2026-03-30T17:00+02"),
    ] {
        check(&shop, made_at, &Due::BusinessDays(days), expected);
    }
}

#[test]
fn a_promise_is_due_after_it_is_made_and_within_two_years() {
    const RANGE: &str = "must be after now, and at most 2 years later";
    let shop = shop("Europe/Amsterdam");
    let made_at = at("2026-12-14T18:00+01");
    let rule = |given: Due| due(&given, made_at, &shop).err();
    assert_eq!(rule(Due::At(made_at)), Some(RANGE));
    assert_eq!(rule(Due::At(made_at + 1)), None);
    assert_eq!(rule(Due::At(made_at + MAX_AHEAD)), None);
    assert_eq!(rule(Due::At(made_at + MAX_AHEAD + 1)), Some(RANGE));
    assert_eq!(rule(Due::At(Micros::MIN)), Some(RANGE));
    assert_eq!(rule(local("2026-12-14T18:00", "Europe/Amsterdam")), Some(RANGE));
    assert_eq!(rule(local("9999-12-31T23:59", "Pacific/Apia")), Some(RANGE));
}

#[test]
fn what_is_no_term_is_refused() {
    const RANGE: &str = "must be after now, and at most 2 years later";
    let shop = shop("Europe/Amsterdam");
    let made_at = at("2026-12-14T18:00+01");
    let rule = |given: Due| due(&given, made_at, &shop).err();
    let over = "must be a day of which business hours are left: give a time of that day, or a \
                later day";
    assert_eq!(rule(Due::Day(day("2026-12-14").unwrap())), Some(over));
    assert_eq!(rule(Due::Day(day("2026-12-13").unwrap())), Some(RANGE));
    assert_eq!(rule(Due::Day(day("2029-01-01").unwrap())), Some(RANGE));
    assert_eq!(rule(Due::Day(Date::MAX)), Some(RANGE));
    assert_eq!(rule(Due::Day(Date::MIN)), Some(RANGE));
    for none in [Due::BusinessMinutes(0), Due::BusinessDays(0)] {
        assert_eq!(rule(none), Some("must be at least 1"));
    }
    for many in [Due::BusinessMinutes(u32::MAX), Due::BusinessDays(u32::MAX)] {
        assert_eq!(rule(many), Some(RANGE));
    }
    for made_at in [Micros::MIN, Micros::MAX] {
        assert_eq!(due(&Due::BusinessMinutes(1), made_at, &shop), Err(RANGE));
        assert_eq!(due(&Due::BusinessDays(1), made_at, &shop), Err(RANGE));
        assert_eq!(due(&Due::At(0), made_at, &shop), Err(RANGE));
    }
}

#[test]
fn a_calendar_that_does_not_open_is_followed_to_its_bound() {
    let first = day("2026-12-15").unwrap();
    let closed = (0..1000).map(|days| (first + days.days(), DayHours::CLOSED)).collect();
    let week = [(); 7].map(|()| day_hours(&["09:00-17:00"]));
    let calendar = BusinessCalendar::new(zone("UTC").unwrap(), week, closed).unwrap();
    let made_at = at("2026-12-14T18:00Z");
    assert!(due(&Due::BusinessMinutes(1), made_at, &calendar).is_err());
    assert!(due(&Due::BusinessDays(1), made_at, &calendar).is_err());

    let never = [(); 7].map(|()| DayHours::CLOSED);
    let sunday = BTreeMap::from([(first, day_hours(&["09:00-17:00"]))]);
    assert!(BusinessCalendar::new(zone("UTC").unwrap(), never, sunday).is_err());
}

#[test]
fn hours_of_a_day_stay_apart() {
    let check = |texts: &[&str]| DayHours::new(texts.iter().map(|it| hours(it).unwrap()).collect());
    assert!(check(&["13:00-17:00", "09:00-13:00"]).is_ok());
    assert!(check(&["00:00-24:00"]).is_ok());
    assert_eq!(check(&["09:00-13:00", "12:59-17:00"]), Err("must not run into one another"));
    for wrong in ["09:00-09:00", "22:00-02:00", "24:00-24:00"] {
        assert!(check(&[wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn forms_are_strict() {
    for wrong in ["", "2026-3-29", "2026-02-29", "20260329", "2026-03-29 ", "+002026-03-29", "٢"] {
        assert!(day(wrong).is_err(), "{wrong}");
    }
    for wrong in [
        "2026-03-29",
        "2026-03-29 14:30",
        "2026-03-29T24:00",
        "2026-03-29T14:30:60",
        "2026-03-29T14:30Z",
        "2026-03-29T14:30+01",
        "2026-03-29T14:30[UTC]",
        "2026-02-30T14:30",
    ] {
        assert!(local_time(wrong).is_err(), "{wrong}");
    }
    for wrong in ["9-17", "09:00", "09:00-24:01", "09:60-17:00", "25:00-26:00", "09:00–17:00"] {
        assert!(hours(wrong).is_err(), "{wrong}");
    }
    let long = "Europe/".repeat(100);
    for wrong in ["", "Etc/Unknown", "Mars/Base", "+01:00", "../../etc/passwd", "\0", &long] {
        assert!(zone(wrong).is_err(), "{wrong}");
    }
}
