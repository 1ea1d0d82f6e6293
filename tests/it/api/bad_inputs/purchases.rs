//! Numbers 119 to 123: changes of orders, terms of warranty, refunds of lines, and look-ups.

use throughline::pb::{
    self, EntryFlag, OrderStatus, entry::Content, find_purchases_request::Number,
    list_purchases_request::Customer,
};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    orders::returned,
    world::{ORDER, OTHERS_ORDER, World, anna, content, money, purchase},
};
use crate::support::{Server, on_both};

pub fn cases(world: &World) -> Vec<Case> {
    let mut cases = changes();
    cases.extend(terms());
    cases.extend(refunds());
    cases.extend(look_ups(world));
    cases.extend(lists(world));
    cases
}

/// Inputs that look bad and are accepted: terms and refunds at their limits, and texts that are
/// stored as they are, or redacted.
#[tokio::test]
async fn numbers_119_to_121_at_their_bounds() {
    on_both(async |database| {
        let mut server = Server::start(database).await;
        World::make(&mut server).await;
        for months in [0, 1, 1200] {
            server.recorded(purchase(|it| it.lines[0].warranty_months = months)).await;
        }
        let equal = returned(|it| {
            it.lines[0].refund = Some(money("EUR", 1_000_000_000_000_000));
            it.refund = Some(money("EUR", 1_000_000_000_000_000));
        });
        server.recorded(equal).await;
        server.recorded(returned(|it| it.lines[0].refund = Some(money("JPY", 0)))).await;
        let cancelled = |text: &str| {
            changed(|it, orders| {
                it.status = OrderStatus::Cancelled.into();
                it.reason = text.to_owned();
                it.tracking_number = format!("  {}  ", "9".repeat(60));
                orders[0] = format!(" #{} ", ORDER.to_lowercase());
            })
        };
        server.recorded(cancelled(&"\u{1d11e}".repeat(2000))).await;
        let secret = server.recorded(cancelled("paid by 4111 1111 1111 1111")).await;
        assert_eq!(secret.flags, [EntryFlag::CardNumberRedacted as i32]);
        let markup = server.recorded(cancelled("<script>'); drop table orders;--")).await;
        let bidi = server.recorded(cancelled("out of \u{202e}stock")).await;
        assert_eq!(bidi.flags, [EntryFlag::BidiControl as i32]);

        let number = Some(Number::OrderNumber(ORDER.to_owned()));
        let call = pb::FindPurchasesRequest { number, ..Default::default() };
        let found = server.purchases.find_purchases(call).await.unwrap().into_inner().purchases;
        let changes = &found[0].changes;
        let reason = |id: &str| &changes.iter().find(|it| it.entry_id == id).unwrap().reason;
        assert!(!reason(&secret.entry_id).contains("1111"));
        assert_eq!(reason(&markup.entry_id), "<script>'); drop table orders;--");
        assert_eq!(found[0].tracking_numbers, ["9".repeat(60)]);
        server.stop().await;
    })
    .await;
}

/// A valid change of the customer's order, with a change.
fn changed(change: impl FnOnce(&mut pb::OrderChange, &mut Vec<String>)) -> pb::RecordEntryRequest {
    let mut it = pb::OrderChange { status: OrderStatus::Shipped.into(), ..Default::default() };
    let mut orders = vec![ORDER.to_owned()];
    change(&mut it, &mut orders);
    let mut request = content(Content::OrderChange(it));
    request.entry.get_or_insert_default().order_numbers = orders;
    request
}

/// Number 119.
fn changes() -> Vec<Case> {
    let mut cases = Vec::new();
    for status in [0, 6, -1, i32::MAX] {
        let call = changed(|it, _| it.status = status);
        let case = refused(119, format!("status {status}"), call, &["entry.order_change.status"]);
        cases.push(case.reason("UNKNOWN_ENUM"));
    }
    let orders = "entry.order_numbers";
    let mut add = |what: &str, call: pb::RecordEntryRequest, field: &'static str| {
        cases.push(refused(119, what, call, &[field]));
    };
    add("of no order", changed(|_, orders| orders.clear()), orders);
    add("of one twice", changed(|_, orders| orders.push(ORDER.to_owned())), orders);
    let hash = changed(|_, orders| orders[0] = "#".to_owned());
    add("of no number", hash, "entry.order_numbers[0]");
    let long = "9".repeat(65);
    for bad in [long.as_str(), "3S\n9", "3S\t9", "3S\09", "3S\u{202e}9", "3S\u{2028}9"] {
        let call = changed(|it, _| it.tracking_number = bad.to_owned());
        add("a bad shipment", call, "entry.order_change.tracking_number");
    }
    let reason = "entry.order_change.reason";
    add("a reason to ship", changed(|it, _| it.reason = "sold".to_owned()), reason);
    for bad in ["a".repeat(2001), "no stock\u{7}".to_owned(), "no\0stock".to_owned()] {
        let call = changed(|it, _| {
            it.status = OrderStatus::Cancelled.into();
            it.reason = bad;
        });
        add("a bad reason", call, reason);
    }
    let others = changed(|_, orders| orders[0] = OTHERS_ORDER.to_owned());
    let others = refused(119, "the order of another", others, &["entry.order_numbers[0]"]);
    cases.push(others.code(Code::NotFound).reason("PURCHASE_NOT_FOUND"));
    cases
}

/// Number 120.
fn terms() -> Vec<Case> {
    let mut cases = Vec::new();
    for months in [-1, 1201, i32::MAX, i32::MIN] {
        let call = purchase(|it| it.lines[0].warranty_months = months);
        let field = "entry.purchase.lines[0].warranty_months";
        cases.push(refused(120, format!("{months} months"), call, &[field]));
    }
    cases
}

/// Number 121.
fn refunds() -> Vec<Case> {
    let mut cases = Vec::new();
    let currency = "entry.returned.lines[0].refund.currency_code";
    let units = "entry.returned.lines[0].refund.minor_units";
    for (what, bad, field) in [
        ("EURO", money("EURO", 100), currency),
        ("no currency", money("", 100), currency),
        ("below 0", money("EUR", -1), units),
        ("10^15 + 1", money("EUR", 1_000_000_000_000_001), units),
        ("the least number", money("EUR", i64::MIN), units),
    ] {
        let call = returned(|it| it.lines[0].refund = Some(bad));
        cases.push(refused(121, what, call, &[field]));
    }
    let two = |all: Option<pb::Money>, second: pb::Money| {
        returned(|it| {
            it.lines.push(it.lines[0].clone());
            it.lines[0].refund = Some(money("EUR", 1_000_000_000_000_000));
            it.lines[1].refund = Some(second);
            it.refund = all;
        })
    };
    let second = "entry.returned.lines[1].refund.currency_code";
    let less = Some(money("EUR", 1_000_000_000_000_000));
    let dollars = Some(money("USD", 1_000_000_000_000_000));
    let all = "entry.returned.refund.minor_units";
    cases.extend([
        refused(121, "two currencies", two(None, money("USD", 1)), &[second]),
        refused(121, "less in all", two(less, money("EUR", 1)), &[all]),
        refused(121, "dollars in all", two(dollars, money("EUR", 0)), &[currency, second]),
    ]);
    cases
}

const DAYS: [&str; 7] =
    ["today", "2026-02-30", "2026-3-1", "14-03-2026", "1899-12-31", "2201-01-01", "2026-03-14T00"];

/// Number 122.
fn look_ups(world: &World) -> Vec<Case> {
    let by = |number: Option<Number>| pb::FindPurchasesRequest { number, ..Default::default() };
    let good = by(Some(Number::OrderNumber(ORDER.to_owned())));
    let mut cases = vec![refused(122, "no number", Call::FindPurchases(by(None)), &["number"])];
    for bad in ["", "#", "\u{200b}", "a\0b", "a\nb", "\u{202e}abc", &"9".repeat(65)] {
        for (number, field) in [
            (Number::SerialNumber(bad.to_owned()), "serial_number"),
            (Number::OrderNumber(bad.to_owned()), "order_number"),
            (Number::TrackingNumber(bad.to_owned()), "tracking_number"),
        ] {
            let what = format!("{field} {}", bad.escape_debug());
            cases.push(refused(122, what, Call::FindPurchases(by(Some(number))), &[field]));
        }
    }
    for customer_id in ["anna", "{0190f3c4-7b1a-7cc0-8000-00000000beef}"] {
        let customer_id = customer_id.to_owned();
        let call = pb::FindPurchasesRequest { customer_id, ..good.clone() };
        cases.push(refused(122, "no id", Call::FindPurchases(call), &["customer_id"]));
    }
    for day in DAYS {
        let call = pb::FindPurchasesRequest { day: day.to_owned(), ..good.clone() };
        cases.push(refused(122, format!("on {day}"), Call::FindPurchases(call), &["day"]));
    }
    // The id of an entry is not that of a customer.
    let customer_id = world.others_entry_id.clone();
    if !customer_id.is_empty() {
        let call = Call::FindPurchases(pb::FindPurchasesRequest { customer_id, ..good });
        let unknown = refused(122, "a customer that is not there", call, &[]);
        cases.push(unknown.code(Code::NotFound).reason("CUSTOMER_NOT_FOUND"));
    }
    cases
}

/// Number 123.
fn lists(world: &World) -> Vec<Case> {
    let customer = Some(Customer::CustomerId(world.customer_id.clone()));
    let good = pb::ListPurchasesRequest { customer, ..Default::default() };
    let mut cases = Vec::new();
    let mut add = |what: &str, call: pb::ListPurchasesRequest, field: &'static str| {
        cases.push(refused(123, what, Call::ListPurchases(call), &[field]));
    };
    add("nobody", pb::ListPurchasesRequest { customer: None, ..good.clone() }, "customer");
    let customer = Some(Customer::CustomerId("anna".to_owned()));
    add("no id", pb::ListPurchasesRequest { customer, ..good.clone() }, "customer_id");
    let customer = Some(Customer::Identifier(pb::Identifier { value: String::new(), ..anna() }));
    add("no value", pb::ListPurchasesRequest { customer, ..good.clone() }, "identifier.value");
    for page_size in [-1, i32::MIN] {
        add("a size below 0", pb::ListPurchasesRequest { page_size, ..good.clone() }, "page_size");
    }
    for day in DAYS {
        add(day, pb::ListPurchasesRequest { day: day.to_owned(), ..good.clone() }, "day");
    }
    for bad in ["AAAA", "%%% next page, please %%%", world.page_token.as_str()] {
        // There is none before the server has issued one.
        if bad.is_empty() {
            continue;
        }
        let call = pb::ListPurchasesRequest { page_token: bad.to_owned(), ..good.clone() };
        let case = refused(123, "a token", Call::ListPurchases(call), &["page_token"]);
        cases.push(case.reason("BAD_PAGE_TOKEN"));
    }
    cases
}
