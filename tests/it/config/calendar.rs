//! The file of the business calendar.

use insta::assert_snapshot;
use throughline::{
    config::read_calendar,
    domain::calendar::{BusinessCalendar, day, due},
    model::Due,
};

use super::resolve;

const SHOP: &str = "
zone = 'europe/amsterdam'
holidays = [2026-12-25, '2026-12-26']

[week]
monday = '09:00-17:30'
thursday = ['13:00-21:00', '09:00-12:30']

[openings]
2026-12-13 = '12:00-16:00'
";

#[test]
fn a_file_says_when_it_is_open() {
    let calendar = read_calendar("shop.toml", SHOP).unwrap();
    let made_at = "2026-12-01T00:00Z".parse::<jiff::Timestamp>().unwrap().as_microsecond();
    for (text, expected) in [
        ("2026-12-07", "2026-12-07T17:30+01"),
        ("2026-12-08", "2026-12-09T00:00+01"),
        ("2026-12-10", "2026-12-10T21:00+01"),
        ("2026-12-13", "2026-12-13T16:00+01"),
    ] {
        let due = due(&Due::Day(day(text).unwrap()), made_at, &calendar).unwrap();
        let expected: jiff::Timestamp = expected.parse().unwrap();
        assert_eq!(due, expected.as_microsecond(), "{text}");
    }
}

#[test]
fn every_problem_of_a_file_is_told_at_once() {
    let wrong = "
zone = 'Europe/Amsterdm'
holiday = 1
holidays = [2026-12-25, 7, '2026-02-30', 2026-12-25, 2026-12-13, 2026-12-25T10:00:00]
openings = 7

[week]
monday = '9-17'
mon = '09:00-17:00'
tuesday = ['09:00-17:00', '16:00-18:00']
friday = '22:00-02:00'
holidays = [2026-12-26]
";
    assert_snapshot!(read_calendar("shop.toml", wrong).unwrap_err(), @"
    the configuration cannot be used:
      shop.toml: holiday: there is no such key; the file has zone and holidays, and below them the tables [week] and [openings]
      shop.toml: zone: must be a time zone of the IANA database, such as Europe/Amsterdam or UTC
      shop.toml: week: friday: must end after they begin, and at 24:00 at the latest: hours over midnight are those till 24:00 and those from 00:00 of the next day
      shop.toml: week: holidays: must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday; what does not belong to the week must be above [week]
      shop.toml: week: mon: must be one of monday, tuesday, wednesday, thursday, friday, saturday, sunday; what does not belong to the week must be above [week]
      shop.toml: week: monday: must be hours, written as 09:00-17:30, and 24:00 for the end of the day
      shop.toml: week: tuesday: must not run into one another
      shop.toml: openings: must be a table: [openings]
      shop.toml: holidays: number 2: must be a day of the calendar, written as 2026-03-29
      shop.toml: holidays: number 3: must be a day of the calendar, written as 2026-03-29
      shop.toml: holidays: number 6: must be a day of the calendar, written as 2026-03-29
      shop.toml: holidays: 2026-12-25: is listed twice, or also in [openings]
    ");
    let wrong = "zone = 'UTC'\nholidays = '2026-12-13'\n\
                 [openings]\n2026-12-13 = '12:00-16:00'\nmonday = '12:00-16:00'\n";
    assert_snapshot!(read_calendar("shop.toml", wrong).unwrap_err(), @"
    the configuration cannot be used:
      shop.toml: openings: monday: must be a day of the calendar, written as 2026-03-29
      shop.toml: holidays: 2026-12-13: is listed twice, or also in [openings]
    ");
    assert_snapshot!(read_calendar("shop.toml", "zone = 'UTC'").unwrap_err(), @"
    the configuration cannot be used:
      shop.toml: week: must be open on one day of the week at least
    ");
    assert_snapshot!(read_calendar("shop.toml", "zone = 'UTC").unwrap_err(), @"
    the configuration cannot be used:
      shop.toml: line 1: is not TOML: invalid literal string, expected `'`
    ");
}

#[test]
fn a_calendar_is_read_where_it_is_set() {
    let config = resolve(&[("business_calendar", "/nowhere/shop.toml")], &[], "").unwrap();
    assert_snapshot!(config.calendar().unwrap_err(), @"
    the configuration cannot be used:
      /nowhere/shop.toml: cannot be read: No such file or directory (os error 2); see business_calendar
    ");
    let config = resolve(&[("business_calendar", "none")], &[], "").unwrap();
    assert_eq!(config.calendar().unwrap(), BusinessCalendar::default());
}
