//! The state that entries of an order produce, and the warranty.

use jiff::{civil::Date, tz::TimeZone};
use proptest::{collection::vec, prelude::*, sample::select};
use throughline::{
    domain::{
        calendar::{BusinessCalendar, DayHours, hours},
        purchase::{MAX_ORDER_EVENTS, MAX_RETURNED_LINES, add, has_room, states},
        warranty::{Warranty, WarrantyState, warranty},
    },
    model::{
        Amount, Micros, OrderEntry, OrderEvent, OrderHistory, OrderLine, OrderStatus,
        PurchaseDetails, PurchaseState, ReturnedLine,
    },
};
use uuid::Uuid;

const DAY: Micros = 86_400_000_000;
const RECORD: Uuid = Uuid::from_u128(1);

fn amount(cents: i64) -> Option<Amount> {
    Some(Amount { currency: "EUR".to_owned(), minor_units: cents })
}

fn line(sku: &str, name: &str, serial: &str, quantity: i64) -> OrderLine {
    OrderLine {
        sku: sku.to_owned(),
        name: name.to_owned(),
        serial_number: serial.to_owned(),
        quantity,
        ..OrderLine::default()
    }
}

fn back(sku: &str, name: &str, serial: &str, quantity: i64, cents: i64) -> OrderEvent {
    let line = ReturnedLine {
        sku: sku.to_owned(),
        name: name.to_owned(),
        serial_number: serial.to_owned(),
        quantity,
        refund: amount(cents),
    };
    OrderEvent::Returned { lines: vec![line], refund: None }
}

fn bought(lines: Vec<OrderLine>) -> OrderEvent {
    OrderEvent::PurchaseDetails(PurchaseDetails {
        channel: None,
        order_number: "W-1".to_owned(),
        lines,
        total: None,
        tracking_number: String::new(),
    })
}

fn changed(status: OrderStatus) -> OrderEvent {
    let (tracking_number, reason) = (String::new(), String::new());
    OrderEvent::Changed { status, tracking_number, reason }
}

fn told(id: u128, at: Micros, event: OrderEvent) -> OrderEntry {
    OrderEntry { entry_id: Uuid::from_u128(id), at, recorded_at: at, event }
}

/// The single purchase that these entries produce, in this order.
fn state(all: &[OrderEntry]) -> PurchaseState {
    let mut part = OrderHistory::default();
    for told in all {
        add(&mut part, told.clone());
    }
    let mut purchases = states(&[(RECORD, part)], Micros::MAX);
    assert_eq!(purchases.len(), 1);
    purchases.remove(0)
}

/// A purchase of these lines with these entries a day later each.
fn after(lines: Vec<OrderLine>, news: Vec<OrderEvent>) -> PurchaseState {
    let mut all = vec![told(1, 0, bought(lines))];
    all.extend(news.into_iter().zip(2..).map(|(news, id)| told(id, id as Micros * DAY, news)));
    state(&all)
}

#[test]
fn the_status_is_the_last_by_time_and_a_bill_moves_nothing() {
    use OrderStatus::{Cancelled, Delivered, Invoiced, Ordered, Shipped};
    let cases: [(&[(Micros, OrderStatus)], OrderStatus); 8] = [
        (&[], Ordered),
        (&[(1, Invoiced)], Ordered),
        (&[(1, Shipped), (2, Delivered), (3, Invoiced)], Delivered),
        (&[(2, Delivered), (1, Shipped)], Delivered),
        (&[(1, Delivered), (1, Shipped)], Delivered),
        (&[(1, Delivered), (2, Shipped)], Shipped),
        (&[(1, Cancelled), (1, Delivered)], Cancelled),
        // Clocks of two systems: nothing happens before the purchase.
        (&[(-5, Shipped)], Shipped),
    ];
    for (changes, wanted) in cases {
        let mut all = vec![told(100, 0, bought(Vec::new()))];
        for (id, (at, status)) in changes.iter().enumerate() {
            all.push(told(id as u128, *at, changed(*status)));
        }
        let state = state(&all);
        assert_eq!(state.status, wanted, "{changes:?}");
        assert_eq!(state.changes[0].entry_id, Uuid::from_u128(100));
        assert_eq!(state.changes.len(), changes.len() + 1);
    }
}

#[test]
fn a_returned_line_belongs_to_the_surest_line_with_room() {
    let lines = || {
        vec![
            line("TV", "Television", "SN 1", 1),
            line("TV", "Television", "SN-2", 1),
            line("", "Cable", "", 2),
        ]
    };
    type Wanted<'a> = (&'a [i64], &'a [i64], i64);
    let cases: [(Vec<OrderEvent>, Wanted<'_>); 9] = [
        (vec![back("TV", "", "sn2", 1, 7)], (&[0, 1, 0], &[0, 7, 0], 0)),
        (vec![back("TV", "", "", 1, 7)], (&[1, 0, 0], &[7, 0, 0], 0)),
        // The one that is named by its number is kept for whoever names it.
        (vec![back("TV", "", "", 1, 7), back("TV", "", "SN1", 1, 5)], (&[1, 1, 0], &[5, 7, 0], 0)),
        // What was paid back goes with the first.
        (vec![back("TV", "", "", 2, 7)], (&[1, 1, 0], &[7, 0, 0], 0)),
        (vec![back("TV", "", "", 5, 7)], (&[1, 1, 0], &[7, 0, 0], 3)),
        (vec![back("TV", "", "SN9", 1, 7)], (&[0, 0, 0], &[0, 0, 0], 1)),
        (
            vec![back("", "Cable", "", 1, 7), back("X", "Cable", "", 1, 1)],
            (&[0, 0, 2], &[0, 0, 8], 0),
        ),
        (vec![back("X", "Television", "", 1, 7)], (&[0, 0, 0], &[0, 0, 0], 1)),
        (vec![back("", "Stand", "", 1, 7)], (&[0, 0, 0], &[0, 0, 0], 1)),
    ];
    for (news, (quantities, cents, left)) in cases {
        let state = after(lines(), news.clone());
        let returned: Vec<i64> = state.lines.iter().map(|it| it.returned_quantity).collect();
        assert_eq!(returned, quantities, "{news:?}");
        let refunds = state.lines.iter().map(|it| it.refunds.iter().map(|it| it.minor_units).sum());
        assert_eq!(refunds.collect::<Vec<i64>>(), cents, "{news:?}");
        let others: i64 = state.other_returns.iter().map(|it| it.quantity).sum();
        assert_eq!(others, left, "{news:?}");
        assert_eq!(state.return_entry_ids.len(), news.len());
    }
}

#[test]
fn what_was_paid_back_is_what_returns_say_in_all() {
    let lines = vec![ReturnedLine { quantity: 1, refund: amount(300), ..Default::default() }];
    let in_all = OrderEvent::Returned { lines: lines.clone(), refund: amount(1000) };
    let of_lines = OrderEvent::Returned { lines, refund: None };
    let dollars = Amount { currency: "USD".to_owned(), minor_units: 5 };
    let dollars = OrderEvent::Returned { lines: Vec::new(), refund: Some(dollars) };
    let state = after(Vec::new(), vec![in_all, of_lines, dollars]);
    let shown: Vec<_> = state.refunds.iter().map(|it| (&*it.currency, it.minor_units)).collect();
    assert_eq!(shown, [("EUR", 1300), ("USD", 5)]);
}

#[test]
fn what_was_recorded_later_was_not_known() {
    let mut all = vec![told(1, 0, bought(vec![line("TV", "", "", 1)]))];
    all.push(OrderEntry { recorded_at: 50, ..told(2, 10, changed(OrderStatus::Shipped)) });
    all.push(OrderEntry { recorded_at: 40, ..told(3, 20, changed(OrderStatus::Delivered)) });
    let part = OrderHistory { entries: all };
    let status = |as_of| {
        let purchases = states(&[(RECORD, part.clone())], as_of);
        purchases.first().map(|purchase| (purchase.status, purchase.changes.len()))
    };
    assert_eq!(status(-1), None);
    assert_eq!(status(39), Some((OrderStatus::Ordered, 1)));
    assert_eq!(status(40), Some((OrderStatus::Delivered, 2)));
    assert_eq!(status(50), Some((OrderStatus::Delivered, 3)));
}

#[test]
fn what_other_records_tell_goes_to_the_purchase_that_came_first() {
    let part = |entries: Vec<OrderEntry>| OrderHistory { entries };
    let second = part(vec![told(1, 10, bought(Vec::new()))]);
    let first =
        part(vec![told(9, 5, bought(Vec::new())), told(3, 6, changed(OrderStatus::Shipped))]);
    let other = part(vec![told(4, 7, changed(OrderStatus::Delivered))]);
    let records = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
    let parts: Vec<_> = records.into_iter().zip([second, first, other]).collect();
    let purchases = states(&parts, Micros::MAX);
    let shown: Vec<_> = purchases.iter().map(|it| (it.record_id, it.status)).collect();
    let wanted = [(records[1], OrderStatus::Delivered), (records[0], OrderStatus::Ordered)];
    assert_eq!(shown, wanted);
    // Without the purchase there is nothing to show.
    assert_eq!(states(&parts[2..], Micros::MAX), []);
}

#[test]
fn a_record_has_room_for_so_many_entries_of_an_order() {
    let mut part = OrderHistory::default();
    add(&mut part, told(1, 0, bought(Vec::new())));
    for id in 2..MAX_ORDER_EVENTS as u128 + 2 {
        assert!(has_room(&part, &changed(OrderStatus::Shipped)));
        add(&mut part, told(id, 1, changed(OrderStatus::Shipped)));
    }
    assert!(!has_room(&part, &changed(OrderStatus::Shipped)));
    let many =
        |lines| OrderEvent::Returned { lines: vec![ReturnedLine::default(); lines], refund: None };
    let mut part = OrderHistory::default();
    add(&mut part, told(1, 0, many(MAX_RETURNED_LINES - 1)));
    assert!(has_room(&part, &many(1)) && !has_room(&part, &many(2)));
}

fn news() -> impl Strategy<Value = OrderEvent> {
    let status = select(OrderStatus::ALL.to_vec()).prop_map(changed);
    let sku = select(vec!["A", "B", ""]);
    let serial = select(vec!["", "S1", "S2"]);
    let name = select(vec!["a", "b"]);
    let returned = (sku, name, serial, 1..4_i64, 0..100_i64)
        .prop_map(|(sku, name, serial, quantity, cents)| back(sku, name, serial, quantity, cents));
    prop_oneof![status, returned]
}

proptest! {
    #[test]
    fn it_adds_up_to_the_same_in_any_order(
        (all, shuffled, split) in vec((news(), 0..4_i64), 0..12).prop_flat_map(|news| {
            let lines = vec![line("A", "a", "S1", 2), line("A", "a", "", 2), line("B", "b", "", 1)];
            let mut all = vec![told(7, 2, bought(lines))];
            all.extend(news.into_iter().zip(10..).map(|((it, at), id)| told(id, at, it)));
            let count = all.len();
            (Just(all.clone()), Just(all).prop_shuffle(), 0..count)
        })
    ) {
        let wanted = state(&all);
        prop_assert_eq!(&state(&shuffled), &wanted);
        // Told twice is told once.
        prop_assert_eq!(&state(&[all.clone(), shuffled].concat()), &wanted);
        // Over several records of one person too.
        let mut parts = [OrderHistory::default(), OrderHistory::default()];
        for (index, it) in all.into_iter().enumerate() {
            add(&mut parts[usize::from(index > split)], it);
        }
        let parts: Vec<_> = [RECORD, Uuid::from_u128(2)].into_iter().zip(parts).collect();
        prop_assert_eq!(states(&parts, Micros::MAX), vec![wanted]);
    }
}

fn calendar(zone: &str) -> BusinessCalendar {
    let week = std::array::from_fn(|_| DayHours::new(vec![hours("09:00-17:00").unwrap()]).unwrap());
    BusinessCalendar::new(TimeZone::get(zone).unwrap(), week, Default::default()).unwrap()
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

fn micros(text: &str) -> Micros {
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

#[test]
fn a_term_ends_with_the_day_of_the_same_number() {
    let cases = [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2024-03-15", 24, "2026-03-15"),
        ("2024-12-31", 2, "2025-02-28"),
        ("1900-01-01", 1200, "2000-01-01"),
    ];
    for (from, months, last) in cases {
        let bought_line = OrderLine { warranty_months: months, ..line("TV", "", "", 1) };
        let at = micros(&format!("{from}T12:00:00Z"));
        let state = state(&[told(1, at, bought(vec![bought_line]))]);
        let on = |day: Date| {
            warranty(&state, &state.lines[0], day, &BusinessCalendar::default()).unwrap()
        };
        let last = date(last);
        assert_eq!(on(last).last_day, Some(last), "{from} and {months} months");
        let states = [date(from).yesterday().unwrap(), date(from), last, last.tomorrow().unwrap()]
            .map(|day| on(day).state);
        use WarrantyState::{Expired, InWarranty, NotYet};
        assert_eq!(states, [NotYet, InWarranty, InWarranty, Expired]);
    }
}

#[test]
fn warranty_begins_with_the_last_delivery_in_the_zone_of_the_calendar() {
    let line_of = |end: &str, months| OrderLine {
        warranty_end: end.to_owned(),
        warranty_months: months,
        ..line("TV", "", "", 1)
    };
    let with = |end: &str, months, news: Vec<(&str, OrderEvent)>| {
        let purchase = bought(vec![line_of(end, months)]);
        let mut all = vec![told(1, micros("2026-01-01T10:00:00Z"), purchase)];
        all.extend(news.into_iter().zip(2..).map(|((at, it), id)| told(id, micros(at), it)));
        state(&all)
    };
    let shown = |state: &PurchaseState, day: &str, zone: &str| {
        let it = warranty(state, &state.lines[0], date(day), &calendar(zone))?;
        let Warranty { from, last_day, state } = it;
        Some((from.to_string(), last_day.map(|it| it.to_string()), state))
    };
    let wanted = |from: &str, last: &str, state| {
        let last = (!last.is_empty()).then(|| last.to_owned());
        Some((from.to_owned(), last, state))
    };
    use WarrantyState::{Expired, InWarranty, NotYet, Unknown};
    let delivered = || changed(OrderStatus::Delivered);
    let plain = with("", 24, Vec::new());
    let is = wanted("2026-01-01", "2028-01-01", InWarranty);
    assert_eq!(shown(&plain, "2026-06-01", "UTC"), is);
    // Of two deliveries the last; late in the evening it is the next day further east.
    let twice = vec![("2026-01-09T23:30:00Z", delivered()), ("2026-01-05T10:00:00Z", delivered())];
    let twice = with("", 24, twice);
    let is = wanted("2026-01-09", "2028-01-09", NotYet);
    assert_eq!(shown(&twice, "2026-01-08", "UTC"), is);
    let is = wanted("2026-01-10", "2028-01-10", NotYet);
    assert_eq!(shown(&twice, "2026-01-09", "Europe/Amsterdam"), is);
    // The day that is given counts.
    let both = with("2026-03-01", 24, Vec::new());
    let is = wanted("2026-01-01", "2026-03-01", Expired);
    assert_eq!(shown(&both, "2026-03-02", "UTC"), is);
    let neither = with("", 0, Vec::new());
    assert_eq!(shown(&neither, "2026-03-02", "UTC"), wanted("2026-01-01", "", Unknown));
    // What came back, or was never sent, has none.
    let returned = with("", 24, vec![("2026-01-05T10:00:00Z", back("TV", "", "", 1, 0))]);
    assert_eq!(shown(&returned, "2026-06-01", "UTC"), None);
    let off = with("", 24, vec![("2026-01-05T10:00:00Z", changed(OrderStatus::Cancelled))]);
    assert_eq!(shown(&off, "2026-06-01", "UTC"), None);
}
