//! How quotes and case passes are rendered.

use insta::assert_snapshot;
use jiff::{Timestamp, tz::TimeZone};
use throughline::{
    cli::render::{EntryPrinter, TerminalStyle},
    pb::{self, Channel, case_change, entry::Content, quote_change},
};

fn at(time: &str) -> Option<prost_types::Timestamp> {
    let time: Timestamp = time.parse().unwrap();
    Some(prost_types::Timestamp { seconds: time.as_second(), nanos: 0 })
}

fn entry(time: &str, channel: Channel, content: Content) -> pb::Entry {
    let content = Some(content);
    pb::Entry { occurred_at: at(time), channel: channel.into(), content, ..pb::Entry::default() }
}

#[test]
fn quotes_and_passes_are_told_in_words() {
    let quote = pb::QuoteChange {
        change: quote_change::Change::Given.into(),
        actor: "mia".to_owned(),
        sku: "VX55".to_owned(),
        article: "Vistra 55 inch".to_owned(),
        price: Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: 99_900 }),
        offer: "the cable with it".to_owned(),
        promotion_code: "SPRING".to_owned(),
        valid_until: at("2025-03-07T16:00:00Z"),
        ..pb::QuoteChange::default()
    };
    let withdrawn = pb::QuoteChange {
        change: quote_change::Change::Withdrawn.into(),
        actor: "joe".to_owned(),
        reason: "the wrong model".to_owned(),
        offer: String::new(),
        promotion_code: String::new(),
        article: String::new(),
        ..quote.clone()
    };
    let issued = pb::CaseChange {
        change: case_change::Change::PassIssued.into(),
        actor: "mia".to_owned(),
        pass_expires_at: at("2025-03-04T15:20:00Z"),
        ..pb::CaseChange::default()
    };
    let redeemed = pb::CaseChange {
        change: case_change::Change::PassRedeemed.into(),
        ..pb::CaseChange::default()
    };
    let style = TerminalStyle {
        width: 78,
        colour: false,
        zone: TimeZone::fixed(jiff::tz::offset(1)),
        full: false,
    };
    let mut printer = EntryPrinter::new(&style);
    let entries = [
        entry("2025-03-03T09:12:00Z", Channel::Phone, Content::QuoteChange(quote)),
        entry("2025-03-03T09:14:00Z", Channel::Store, Content::QuoteChange(withdrawn)),
        entry("2025-03-03T15:20:00Z", Channel::Phone, Content::CaseChange(issued)),
        entry("2025-03-03T16:40:00Z", Channel::Store, Content::CaseChange(redeemed)),
    ];
    let told: String = entries.iter().map(|entry| printer.entry(entry, None)).collect();
    assert_snapshot!(told, @r"

    Monday 3 March 2025
      10:12  phone      quote        Quoted: Vistra 55 inch (VX55), EUR 999.00,
                                     the cable with it
             by mia · valid until Friday 7 March 2025 17:00 · code SPRING
      10:14  store      quote        Quote withdrawn: VX55, EUR 999.00
             by joe · the wrong model
      16:20  phone      case         Case pass issued
             by mia · valid until Tuesday 4 March 2025 16:20
      17:40  store      case         Came with the case pass
    ");
}
