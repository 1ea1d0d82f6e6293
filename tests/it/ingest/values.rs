//! Dates, amounts and templates, through maps as users write them.

use throughline::pb;

use super::{entry, given, notes_map};

/// The second since 1970 of one date, or the reason against it.
fn read_time(time: &str, date: &str) -> Result<i64, String> {
    let content = format!("id,at,text\n1,\"{date}\",a\n");
    let given = given("a.csv", content, &notes_map(&format!("[time]\n{time}")));
    match given.entries.first() {
        Some(request) => Ok(entry(request).occurred_at.unwrap().seconds),
        None => Err(given.reasons().concat()),
    }
}

#[test]
fn dates_by_format_and_zone() {
    let amsterdam = "zone = \"Europe/Amsterdam\"\nformat = ";
    let day_first = format!("{amsterdam}\"%d/%m/%Y %H:%M\"");
    let month_first = format!("{amsterdam}\"%m/%d/%Y %H:%M\"");
    let several = format!("{amsterdam}[\"%Y-%m-%d %H:%M\", \"%Y-%m-%d\"]");
    let iso = "zone = \"Europe/Amsterdam\"";
    for (time, date, seconds) in [
        ("", "2025-03-01T11:20:00Z", 1_740_828_000),
        ("", "2025-03-01T12:20:00+01:00", 1_740_828_000),
        ("", "2025-03-01 12:20:00+01:00", 1_740_828_000),
        (iso, "2025-03-01T12:20", 1_740_828_000),
        (iso, "2025-03-01", 1_740_783_600),
        (iso, "2025-07-01", 1_751_320_800),
        (&day_first, "01/03/2025 12:20", 1_740_828_000),
        (&day_first, "1/3/2025 12:20", 1_740_828_000),
        (&month_first, "01/03/2025 12:20", 1_735_903_200),
        (&several, "2025-03-01", 1_740_783_600),
        (&several, "2025-03-01 12:20", 1_740_828_000),
        ("format = \"%Y-%m-%d %H:%M:%S %z\"", "2025-03-01 12:20:00 +0100", 1_740_828_000),
        ("format = \"unix\"", "1740828000", 1_740_828_000),
        ("format = \"unix\"", "1740828000.5", 1_740_828_000),
        ("format = \"unix_ms\"", "1740828000123", 1_740_828_000),
    ] {
        assert_eq!(read_time(time, date), Ok(seconds), "{date} with {time}");
    }
}

#[test]
fn dates_that_the_format_does_not_fit_are_rejected() {
    let day_first = "zone = \"UTC\"\nformat = \"%d/%m/%Y\"";
    for (time, date, reason) in [
        (day_first, "03/13/2025", "column \"at\" is not a date of the format %d/%m/%Y"),
        (day_first, "31/02/2025", "column \"at\" is not a date of the format %d/%m/%Y"),
        (day_first, "01/03/2025 12:00", "is not a date of the format"),
        ("", "2025-03-01T11:20:00", "is a local time: give `zone` in the map"),
        ("", "yesterday", "is not a date of the format iso"),
        ("", "", "column \"at\" is empty"),
        ("format = \"unix\"", "1e9", "is not a date of the format unix"),
    ] {
        let fault = read_time(time, date).expect_err(date);
        assert!(fault.contains(reason), "{date}: {fault}");
    }
}

const ORDERS: &str = r#"
    [customer]
    identifier = [{ kind = "email", value = "email" }]
    [[entry]]
    source = "shop"
    kind = "purchase"
    channel = "web"
    source_ref = "id"
    occurred_at = "at"
    total = "total"
"#;

/// The minor units of one amount, or the reason against it.
fn read_amount(money: &str, amount: &str) -> Result<i64, String> {
    let content = format!("id\tat\temail\ttotal\n1\t2025-01-01T00:00:00Z\ta@b.nl\t{amount}\n");
    let map = format!("[file]\nseparator = \"tab\"\nquote = \"\"\n[money]\n{money}\n{ORDERS}");
    let given = given("a.tsv", content, &map);
    let Some(request) = given.entries.first() else { return Err(given.reasons().concat()) };
    let Some(pb::entry::Content::Purchase(purchase)) = &entry(request).content else { panic!() };
    Ok(purchase.total.as_ref().unwrap().minor_units)
}

#[test]
fn amounts_by_currency_and_marks() {
    let dutch = "currency = \"EUR\"\ndecimal = \",\"\nthousands = \".\"";
    let norwegian = "currency = \"NOK\"\ndecimal = \",\"\nthousands = \" \"";
    let plain = "currency = \"EUR\"";
    for (money, amount, minor) in [
        (plain, "19.99", 1999),
        (plain, "19", 1900),
        (plain, "19.9", 1990),
        (plain, "19.9900", 1999),
        (plain, ".5", 50),
        (dutch, "1.234,50", 123_450),
        (dutch, "€ 1.234,50", 123_450),
        (dutch, "12,50 €", 1250),
        (dutch, "EUR 12,50", 1250),
        (dutch, "12,-", 1200),
        (dutch, "(12,50)", -1250),
        (dutch, "12,50-", -1250),
        (dutch, "-€ 12,50", -1250),
        (norwegian, "kr. 1\u{a0}234,50", 123_450),
        ("currency = \"JPY\"", "1999", 1999),
        ("currency = \"KWD\"", "1.999", 1999),
        ("currency = \"EUR\"\nunit = \"minor\"", "1999", 1999),
        ("currency = { column = \"id\", table = { 1 = \"JPY\" } }", "1999", 1999),
    ] {
        assert_eq!(read_amount(money, amount), Ok(minor), "{amount} with {money}");
    }
}

#[test]
fn amounts_that_could_be_read_two_ways_are_rejected() {
    let dutch = "currency = \"EUR\"\ndecimal = \",\"\nthousands = \".\"";
    for (money, amount) in [
        (dutch, "12.50"),
        (dutch, "1,234.50"),
        ("currency = \"EUR\"", "1,234.50"),
        ("currency = \"EUR\"", "12,50"),
        ("currency = \"EUR\"", "12.345"),
        ("currency = \"JPY\"", "12.5"),
        ("currency = \"EUR\"", "1e3"),
        ("currency = \"EUR\"", "--5"),
        ("currency = \"EUR\"", "twelve"),
        ("currency = \"EURO\"", "12"),
        ("currency = { column = \"id\", table = { 2 = \"JPY\" } }", "1999"),
        ("currency = \"EUR\"", "99999999999999999999"),
    ] {
        let fault = read_amount(money, amount).expect_err(amount);
        assert!(fault.contains("entry.purchase.total"), "{amount}: {fault}");
        assert!(!fault.contains(amount), "the value is not for the reason: {fault}");
    }
}

/// The note that a template makes of a row.
fn render(template: &str) -> Option<String> {
    let map = notes_map("").replace("text = \"text\"", &format!("text = '{template}'"));
    let row = "id,at,text,none\n7,2025-01-01T00:00:00Z, hello ,NULL\n";
    let map = format!("[file]\nempty = [\"NULL\"]\n{map}");
    let given = given("a.csv", row, &map);
    let request = given.entries.first()?;
    let Some(pb::entry::Content::Note(note)) = &entry(request).content else { panic!() };
    Some(note.text.clone())
}

#[test]
fn templates() {
    for (template, text) in [
        ("{text}", "hello"),
        ("{text} {none}", "hello"),
        ("{text}[, {none}]", "hello"),
        ("{text}[, {id}]", "hello, 7"),
        ("{{{text}}} [[x]]", "{hello} [x]"),
        ("{@file}:{@line} {text}", "a.csv:2 hello"),
        ("{none}", ""),
        ("of {none}", ""),
    ] {
        assert_eq!(render(template).as_deref(), Some(text), "{template}");
    }
}

#[test]
fn a_row_without_a_part_of_its_name_is_rejected() {
    let map = notes_map("").replace("source_ref = \"id\"", "source_ref = \"{id}/{text}\"");
    let rows = "id,at,text\n7,2025-01-01T00:00:00Z,\n8,2025-01-01T00:00:00Z,x\n";
    let given = given("a.csv", rows, &map);
    assert_eq!(given.entries.len(), 1);
    let wanted = "2 entry.source_ref: \"{id}/{text}\" is empty, or a column in it";
    assert_eq!(given.reasons(), [wanted]);
}

#[test]
fn a_hash_names_a_row_by_what_stands_in_it() {
    let map = notes_map("").replace("source_ref = \"id\"", "source_ref = \"{@hash}\"");
    let reference = |rows: &str| {
        let given = given("a.csv", format!("id,at,text\n{rows}"), &map);
        given.entries.iter().map(|request| entry(request).source_ref.clone()).collect::<Vec<_>>()
    };
    let (one, two) = ("1,2025-01-01T00:00:00Z,a\n", "2,2025-01-01T00:00:00Z,a\n");
    let forward = reference(&format!("{one}{two}"));
    let backward = reference(&format!("{two}{one}"));
    assert_eq!(forward.iter().rev().collect::<Vec<_>>(), backward.iter().collect::<Vec<_>>());
    assert_ne!(forward[0], forward[1]);
    assert_eq!(forward[0].len(), 24);
}
