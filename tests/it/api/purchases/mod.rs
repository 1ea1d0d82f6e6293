//! The progress of purchases, and how they are found.

mod limits;
mod lists;

use crate::{
    calls::{about, account, at, by, entry, to},
    support::{Server, on_both},
};
use throughline::pb::{
    self, OrderStatus, entry::Content, find_purchases_request::Number,
    list_purchases_request::Customer, warranty::State,
};

const DAY: i64 = 86_400;

fn euro(cents: i64) -> Option<pb::Money> {
    Some(pb::Money { currency_code: "EUR".to_owned(), minor_units: cents })
}

fn later(entry: pb::Entry, seconds: i64) -> pb::Entry {
    pb::Entry { occurred_at: Some(at(seconds)), ..entry }
}

/// Two televisions and a cable, 30 days ago.
fn order(number: &str) -> pb::Entry {
    let tv = |serial: &str| pb::PurchaseLine {
        sku: "TV-55".to_owned(),
        name: "Television 55 inch".to_owned(),
        quantity: 1,
        unit_price: euro(79_900),
        serial_number: format!("{number} {serial}"),
        warranty_months: 24,
        ..Default::default()
    };
    let cable = pb::PurchaseLine {
        name: "Cable".to_owned(),
        quantity: 3,
        warranty_end: "2026-03-13".to_owned(),
        ..Default::default()
    };
    let purchase = pb::Purchase {
        order_number: number.to_owned(),
        lines: vec![tv("sn-1"), tv("sn-2"), cable],
        total: euro(164_300),
        ..Default::default()
    };
    later(entry(Content::Purchase(purchase)), -30 * DAY)
}

fn change(order: &str, status: OrderStatus, days: i64, tracking: &str) -> pb::Entry {
    let reason = if status == OrderStatus::Cancelled { "out of stock" } else { "" };
    let change = pb::OrderChange {
        status: status.into(),
        tracking_number: tracking.to_owned(),
        reason: reason.to_owned(),
    };
    later(about(entry(Content::OrderChange(change)), [order]), days * DAY)
}

fn brought_back(order: &str, serial: &str, cents: i64) -> pb::Entry {
    let line = pb::ReturnLine {
        sku: "TV-55".to_owned(),
        quantity: 1,
        serial_number: serial.to_owned(),
        refund: euro(cents),
        ..Default::default()
    };
    let returned =
        pb::Return { lines: vec![line], refund: euro(cents + 500), ..Default::default() };
    later(about(entry(Content::Returned(returned)), [order]), -DAY)
}

fn of(customer_id: &str) -> pb::ListPurchasesRequest {
    let customer = Some(Customer::CustomerId(customer_id.to_owned()));
    pb::ListPurchasesRequest { customer, ..Default::default() }
}

fn serial(number: &str) -> Number {
    Number::SerialNumber(number.to_owned())
}

fn tracking(number: &str) -> Number {
    Number::TrackingNumber(number.to_owned())
}

fn number(number: &str) -> Number {
    Number::OrderNumber(number.to_owned())
}

impl Server {
    async fn listed(&self, call: pb::ListPurchasesRequest) -> pb::ListPurchasesResponse {
        self.purchases.clone().list_purchases(call).await.unwrap().into_inner()
    }

    async fn purchases_of(&self, customer_id: &str) -> Vec<pb::PurchaseState> {
        let page = self.listed(pb::ListPurchasesRequest { page_size: 50, ..of(customer_id) }).await;
        assert_eq!(page.next_page_token, "");
        page.purchases
    }

    /// The customers and order numbers of what is found.
    async fn purchases_by(&self, number: Number, customer_id: &str) -> Vec<(String, String)> {
        let customer_id = customer_id.to_owned();
        let call =
            pb::FindPurchasesRequest { number: Some(number), customer_id, ..Default::default() };
        let answer = self.purchases.clone().find_purchases(call).await.unwrap().into_inner();
        assert!(!answer.has_more);
        answer.purchases.into_iter().map(|it| (it.customer_id, it.order_number)).collect()
    }
}

#[tokio::test]
async fn a_purchase_tells_what_became_of_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = server.recorded(by(vec![account("anna")], order("W-1"))).await;
        let anna = first.customer_id.as_str();
        // Recorded late, and not in the order in which it happened.
        let mut told = Vec::new();
        for call in [
            change("W-1", OrderStatus::Delivered, -26, ""),
            brought_back("W-1", "W-1/SN2", 70_000),
            change("W-1", OrderStatus::Invoiced, -20, ""),
            change("w-1", OrderStatus::Shipped, -28, "3S-ABC"),
        ] {
            told.push(server.recorded(to(anna, call)).await.entry_id);
        }
        let all = server.purchases_of(anna).await;
        let [purchase] = all.as_slice() else { panic!("{all:?}") };
        assert_eq!(purchase.entry_id, first.entry_id);
        assert_eq!((&*purchase.customer_id, &*purchase.order_number), (anna, "W-1"));
        assert_eq!(purchase.status(), OrderStatus::Delivered);
        let changes: Vec<_> =
            purchase.changes.iter().map(|it| (it.status(), it.entry_id.as_str())).collect();
        let wanted = [
            (OrderStatus::Ordered, &first.entry_id),
            (OrderStatus::Shipped, &told[3]),
            (OrderStatus::Delivered, &told[0]),
            (OrderStatus::Invoiced, &told[2]),
        ];
        assert_eq!(changes, wanted.map(|(status, id)| (status, id.as_str())));
        assert_eq!(purchase.tracking_numbers, ["3S-ABC"]);
        assert_eq!(purchase.refunds, [euro(70_500).unwrap()]);
        assert_eq!(purchase.return_entry_ids, [told[1].clone()]);
        assert_eq!(purchase.other_returns, []);
        assert_eq!(purchase.total, euro(164_300));
        // Delivered on 16 February; today is 14 March.
        let shown: Vec<_> = purchase
            .lines
            .iter()
            .map(|line| {
                let warranty = line.warranty.as_ref();
                let warranty =
                    warranty.map(|it| (it.state(), it.first_day.as_str(), it.last_day.as_str()));
                (line.returned_quantity, line.refunds.clone(), warranty)
            })
            .collect();
        let in_warranty = (State::InWarranty, "2026-02-16", "2028-02-16");
        let expired = (State::Expired, "2026-02-16", "2026-03-13");
        let wanted = [
            (0, Vec::new(), Some(in_warranty)),
            (1, vec![euro(70_000).unwrap()], None),
            (0, Vec::new(), Some(expired)),
        ];
        assert_eq!(shown, wanted);
        for (day, wanted) in [
            ("2026-02-15", [State::NotYet, State::NotYet]),
            ("2026-03-13", [State::InWarranty, State::InWarranty]),
            ("2028-02-17", [State::Expired, State::Expired]),
        ] {
            let call = pb::ListPurchasesRequest { day: day.to_owned(), ..of(anna) };
            let page = server.listed(call).await.purchases;
            let states = page[0].lines.iter().filter_map(|line| line.warranty.as_ref());
            assert_eq!(states.map(pb::Warranty::state).collect::<Vec<_>>(), wanted, "{day}");
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_merge_puts_together_what_two_records_tell_and_an_unmerge_parts_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], order("W-1"))).await.customer_id;
        let second = later(order("W-2"), -29 * DAY);
        let again = server.recorded(by(vec![account("anna2")], second)).await.customer_id;
        let shipped = change("W-1", OrderStatus::Shipped, -2, "3S-9");
        let not_hers = server.not_recorded(to(&again, shipped.clone())).await;
        assert_eq!(not_hers.reason, "PURCHASE_NOT_FOUND");
        let merge = server.merge_of(&anna, &again).await;
        server.recorded(to(&again, shipped)).await;
        server.recorded(to(&again, brought_back("W-1", "", 100))).await;
        for id in [&anna, &again] {
            let all = server.purchases_of(id).await;
            let shown: Vec<_> = all
                .iter()
                .map(|it| (&*it.order_number, it.status(), it.return_entry_ids.len()))
                .collect();
            let wanted = [("W-2", OrderStatus::Ordered, 0), ("W-1", OrderStatus::Shipped, 1)];
            assert_eq!(shown, wanted);
            let found = [(anna.clone(), "W-1".to_owned())];
            assert_eq!(server.purchases_by(tracking("3S9"), id).await, found);
        }
        assert_eq!(server.purchases_by(tracking("3S9"), "").await.len(), 1);

        server.unmerged(&merge).await;
        let all = server.purchases_of(&anna).await;
        assert_eq!((all.len(), all[0].status()), (1, OrderStatus::Ordered));
        assert_eq!(all[0].return_entry_ids, Vec::<String>::new());
        assert_eq!(server.purchases_by(tracking("3S9"), "").await, []);
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_return_of_several_orders_or_none_counts_for_none() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], order("W-1"))).await.customer_id;
        server.recorded(to(&anna, order("W-2"))).await;
        let mut of_none = brought_back("W-1", "", 100);
        of_none.order_numbers.clear();
        server.recorded(to(&anna, of_none)).await;
        let of_two = about(brought_back("W-1", "", 100), ["W-1", "W-2"]);
        server.recorded(to(&anna, of_two)).await;
        for purchase in server.purchases_of(&anna).await {
            assert_eq!((purchase.refunds.len(), purchase.return_entry_ids.len()), (0, 0));
        }
        // Two notations of one number are one number.
        let of_one = about(brought_back("W-1", "", 100), ["W-1", "#w-1"]);
        server.recorded(to(&anna, of_one)).await;
        let found: usize =
            server.purchases_of(&anna).await.iter().map(|it| it.return_entry_ids.len()).sum();
        assert_eq!(found, 1);
        server.stop().await;
    })
    .await;
}
