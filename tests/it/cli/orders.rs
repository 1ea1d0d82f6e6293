//! How orders look in a terminal.

use insta::assert_snapshot;
use jiff::tz::TimeZone;
use throughline::{
    cli::render::{EntryPrinter, TerminalStyle},
    pb::{self, OrderStatus, entry::Content},
};

use crate::calls::{about, at, entry};

fn euro(cents: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: cents })
}

#[test]
fn what_became_of_an_order() {
    let style = TerminalStyle { width: 80, colour: false, zone: TimeZone::UTC, full: false };
    let line = pb::PurchaseLine {
        name: "Television".to_owned(),
        quantity: 1,
        warranty_months: 24,
        ..Default::default()
    };
    let bought = Content::Purchase(pb::Purchase { lines: vec![line], ..Default::default() });
    let change = |status: OrderStatus, tracking: &str, reason: &str| {
        Content::OrderChange(pb::OrderChange {
            status: status.into(),
            tracking_number: tracking.to_owned(),
            reason: reason.to_owned(),
        })
    };
    let line = pb::ReturnLine {
        name: "Television".to_owned(),
        quantity: 1,
        refund: euro(79_900),
        ..Default::default()
    };
    let returned = pb::Return { lines: vec![line], refund: euro(80_400), ..Default::default() };
    let contents = [
        bought,
        change(OrderStatus::Ordered, "", ""),
        change(OrderStatus::Shipped, "3S\u{1b}[2J9", ""),
        change(OrderStatus::Delivered, "", ""),
        change(OrderStatus::Invoiced, "", ""),
        change(OrderStatus::Cancelled, "", "It was never in stock."),
        Content::Returned(returned),
    ];
    let mut printer = EntryPrinter::new(&style);
    let show = |content| {
        let entry = about(entry(content), ["W-1"]);
        printer.entry(&pb::Entry { occurred_at: Some(at(0)), ..entry }, None)
    };
    let text: String = contents.into_iter().map(show).collect();
    assert_snapshot!(text, @"

    Saturday 14 March 2026
      12:00  phone      purchase     Order
             order W-1
             1 × Television
                 24 months of warranty
      12:00  phone      order        Order confirmed
             order W-1
      12:00  phone      order        Order shipped
             shipment 3S␛[2J9 · order W-1
      12:00  phone      order        Order delivered
             order W-1
      12:00  phone      order        Order invoiced
             order W-1
      12:00  phone      order        Order cancelled
             order W-1
             It was never in stock.
      12:00  phone      return       EUR 804.00 back
             order W-1
             1 × Television, EUR 799.00 back
    ");
}
