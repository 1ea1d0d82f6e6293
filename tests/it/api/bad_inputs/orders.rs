//! Numbers 86, 87 and 94: purchases and returns.

use throughline::pb::{self, entry::Content};
use tonic::Code;

use super::{
    case::{Call, Case, refused},
    world::{ORDER, OTHERS_ORDER, World, content, money, purchase, record, with},
};

pub fn cases(_: &World) -> Vec<Case> {
    let mut cases = amounts();
    cases.extend(quantities());
    cases.extend(lines());
    cases.extend(numbers());
    cases
}

/// Number 86.
fn amounts() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, bad, part) in [
        ("EURO", money("EURO", 100), "currency_code"),
        ("eur", money("eur", 100), "currency_code"),
        ("no currency", money("", 100), "currency_code"),
        ("below 0", money("EUR", -1), "minor_units"),
        ("10^15 + 1", money("EUR", 1_000_000_000_000_001), "minor_units"),
        ("the largest number", money("EUR", i64::MAX), "minor_units"),
        ("the least number", money("EUR", i64::MIN), "minor_units"),
    ] {
        let currency = part == "currency_code";
        let price = match currency {
            true => "entry.purchase.lines[0].unit_price.currency_code",
            false => "entry.purchase.lines[0].unit_price.minor_units",
        };
        let total = match currency {
            true => "entry.purchase.total.currency_code",
            false => "entry.purchase.total.minor_units",
        };
        let refund = match currency {
            true => "entry.returned.refund.currency_code",
            false => "entry.returned.refund.minor_units",
        };
        let entry = purchase(|it| it.lines[0].unit_price = Some(bad.clone()));
        cases.push(refused(86, format!("a price: {what}"), entry, &[price]));
        let entry = purchase(|it| it.total = Some(bad.clone()));
        cases.push(refused(86, format!("a total: {what}"), entry, &[total]));
        let entry = returned(|it| it.refund = Some(bad.clone()));
        cases.push(refused(86, format!("a refund: {what}"), entry, &[refund]));
    }
    cases
}

/// Number 87.
fn quantities() -> Vec<Case> {
    let mut cases = Vec::new();
    for quantity in [0, -1, 1_000_000_001, i64::MAX, i64::MIN] {
        let entry = purchase(|it| it.lines[0].quantity = quantity);
        let field = "entry.purchase.lines[0].quantity";
        cases.push(refused(87, format!("{quantity} bought"), entry, &[field]));
        let entry = returned(|it| it.lines[0].quantity = quantity);
        let field = "entry.returned.lines[0].quantity";
        cases.push(refused(87, format!("{quantity} returned"), entry, &[field]));
    }
    cases
}

/// The other required fields of a line.
fn lines() -> Vec<Case> {
    let unnamed = purchase(|it| it.lines[0].name.clear());
    let many = purchase(|it| it.lines = vec![it.lines[0].clone(); 501]);
    let mut cases = vec![
        refused(87, "a line without sku and name", unnamed, &["entry.purchase.lines[0].sku"]),
        refused(87, "501 lines", many, &["entry.purchase.lines"]),
    ];
    for day in ["2026-02-30", "30-11-2026", "2026-1-1", "soon", "2026-11-30T00:00:00Z"] {
        let entry = purchase(|it| it.lines[0].warranty_end = day.to_owned());
        let field = "entry.purchase.lines[0].warranty_end";
        cases.push(refused(87, format!("a warranty till {day}"), entry, &[field]));
    }
    let empty = content(Content::Returned(pb::Return::default()));
    cases.push(refused(87, "a return of nothing", empty, &["entry.returned.lines"]));
    // All violations are reported at once.
    let all = purchase(|it| {
        it.lines[0].quantity = 0;
        it.lines[0].warranty_end = "never".to_owned();
        it.total = Some(money("euro", -1));
    });
    let fields = [
        "entry.purchase.lines[0].quantity",
        "entry.purchase.lines[0].warranty_end",
        "entry.purchase.total.currency_code",
        "entry.purchase.total.minor_units",
    ];
    cases.push(refused(87, "four fields at once", all, &fields));
    cases
}

/// Number 94, and order numbers that are taken.
fn numbers() -> Vec<Case> {
    let about = |order: &str| with(|it| it.order_numbers = vec![order.to_owned()]);
    let many = with(|it| it.order_numbers = (0..51).map(|it| it.to_string()).collect());
    let batch = vec![record(), about(OTHERS_ORDER)];
    let batch = Call::Batch(pb::BatchRecordEntriesRequest { requests: batch });
    let taken = purchase(|it| it.order_number = ORDER.to_owned());
    let taken_too = purchase(|it| it.order_number = format!(" #{} ", ORDER.to_lowercase()));
    let (first, number) = ("entry.order_numbers[0]", "entry.purchase.order_number");
    let not_found = |case: Case| case.code(Code::NotFound).reason("PURCHASE_NOT_FOUND");
    let is_taken = |case: Case| case.code(Code::AlreadyExists).reason("ORDER_NUMBER_TAKEN");
    vec![
        not_found(refused(94, "the order of another customer", about(OTHERS_ORDER), &[first])),
        not_found(refused(94, "an order that is not there", about("ZX-1"), &[first])),
        not_found(refused(
            94,
            "the order of another in a batch",
            batch,
            &["requests[1].entry.order_numbers[0]"],
        )),
        is_taken(refused(94, "an order number twice", taken, &[number])),
        is_taken(refused(94, "an order number in another form", taken_too, &[number])),
        refused(94, "51 orders", many, &["entry.order_numbers"]),
        refused(94, "an empty order number", about(""), &[first]),
        refused(94, "65 characters", about(&"9".repeat(65)), &[first]),
    ]
}

/// A valid return, with a change.
pub fn returned(change: impl FnOnce(&mut pb::Return)) -> pb::RecordEntryRequest {
    let line = pb::ReturnLine { sku: "TV-55".to_owned(), quantity: 1, ..Default::default() };
    let mut returned = pb::Return { lines: vec![line], ..Default::default() };
    change(&mut returned);
    let mut request = content(Content::Returned(returned));
    request.entry.get_or_insert_default().order_numbers = vec![ORDER.to_owned()];
    request
}
