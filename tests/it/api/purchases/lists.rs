//! Lists and look-ups of purchases.

use throughline::pb::{self, OrderStatus, entry::Content, list_purchases_request::Customer};
use tonic::Code;

use super::{DAY, change, later, number, of, order, serial, tracking};
use crate::{
    calls::{Refusal, account, by, refusal, to},
    support::{Server, on_both},
};

impl Server {
    /// How many pages a list has, and the order numbers on all of them.
    async fn pages(&self, mut call: pb::ListPurchasesRequest) -> (usize, Vec<String>) {
        let (mut pages, mut numbers) = (0, Vec::new());
        loop {
            let page = self.listed(call.clone()).await;
            assert!(!page.purchases.is_empty());
            pages += 1;
            numbers.extend(page.purchases.into_iter().map(|it| it.order_number));
            if page.next_page_token.is_empty() {
                return (pages, numbers);
            }
            call.page_token = page.next_page_token;
        }
    }
}

#[tokio::test]
async fn a_purchase_is_found_by_its_numbers() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], order("W-1"))).await.customer_id;
        let berts = later(order("W-1"), -29 * DAY);
        let bert = server.recorded(by(vec![account("bert")], berts)).await.customer_id;
        server.recorded(to(&anna, change("W-1", OrderStatus::Shipped, -2, "3S ABC 1"))).await;
        let mut other = order("");
        if let Some(Content::Purchase(purchase)) = &mut other.content {
            purchase.tracking_number = "3sabc-1".to_owned();
            purchase.lines[0].serial_number = "only-one".to_owned();
        }
        server.recorded(to(&bert, later(other, -40 * DAY))).await;

        let of_anna = (anna.clone(), "W-1".to_owned());
        let of_bert = (bert.clone(), "W-1".to_owned());
        let unnumbered = (bert.clone(), String::new());
        let both = vec![of_bert.clone(), of_anna.clone()];
        assert_eq!(server.purchases_by(number(" #w-1"), "").await, both);
        assert_eq!(server.purchases_by(number("W-1"), &anna).await, vec![of_anna.clone()]);
        assert_eq!(server.purchases_by(serial("w1 SN 2"), "").await, both);
        assert_eq!(server.purchases_by(serial("w1.sn.2"), &bert).await, vec![of_bert.clone()]);
        assert_eq!(server.purchases_by(serial("ONLY ONE"), "").await, vec![unnumbered.clone()]);
        let shipped = [of_anna.clone(), unnumbered.clone()];
        assert_eq!(server.purchases_by(tracking("3SABC1"), "").await, shipped);
        assert_eq!(server.purchases_by(tracking("3SABC1"), &bert).await, [unnumbered]);
        for nothing in [number("W-2"), serial("W1SN"), tracking("only one")] {
            assert_eq!(server.purchases_by(nothing, "").await, []);
        }
        let call = pb::FindPurchasesRequest {
            number: Some(serial("x")),
            customer_id: "0190f3c4-7b1a-7cc0-8000-00000000beef".to_owned(),
            ..Default::default()
        };
        let answer = server.purchases.clone().find_purchases(call).await;
        assert_eq!(refusal(answer), Refusal::new(Code::NotFound, "CUSTOMER_NOT_FOUND", []));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn purchases_come_page_by_page() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], order("A-0"))).await.customer_id;
        let other = server.recorded(by(vec![account("other")], order("B-0"))).await.customer_id;
        for place in 1..12 {
            // Some are of one time.
            let days = -(place / 3);
            let bought = later(order(&format!("A-{place}")), days * DAY);
            server.recorded(to(&anna, bought)).await;
            let bought = later(order(&format!("B-{place}")), days * DAY - 7);
            server.recorded(to(&other, bought)).await;
        }
        for merged in [false, true] {
            if merged {
                server.merge_of(&anna, &other).await;
            }
            let whole = server.purchases_of(&anna).await;
            assert_eq!(whole.len(), if merged { 24 } else { 12 });
            let place =
                |it: &pb::PurchaseState| (it.bought_at.map(|at| at.seconds), it.entry_id.clone());
            assert!(whole.is_sorted_by_key(|it| std::cmp::Reverse(place(it))));
            let mut pages = Vec::new();
            let mut call = pb::ListPurchasesRequest { page_size: 5, ..of(&anna) };
            loop {
                let page = server.listed(call.clone()).await;
                assert!(page.purchases.len() <= 5);
                pages.extend(page.purchases);
                if page.next_page_token.is_empty() {
                    break;
                }
                call.page_token = page.next_page_token;
            }
            assert_eq!(pages, whole);
        }
        // By an identifier of the customer.
        let identifier = Some(Customer::Identifier(account("anna")));
        let call = pb::ListPurchasesRequest { customer: identifier, ..Default::default() };
        let page = server.listed(call.clone()).await;
        assert_eq!(page.purchases.len(), 20);
        let of_another = pb::ListPurchasesRequest {
            page_token: page.next_page_token,
            ..pb::ListPurchasesRequest { day: "2026-01-01".to_owned(), ..call }
        };
        let answer = server.purchases.clone().list_purchases(of_another).await;
        let bad = Refusal::new(Code::InvalidArgument, "BAD_PAGE_TOKEN", ["page_token"]);
        assert_eq!(refusal(answer), bad);
        server.stop().await;
    })
    .await;
}

/// Purchases of a quarter of a MiB each: a page is shorter, and none is lost between two.
#[tokio::test]
async fn large_purchases_come_on_short_pages() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.identified(vec![account("anna")]).await.customer.unwrap().id;
        let bert = server.identified(vec![account("bert")]).await.customer.unwrap().id;
        for place in 0..9 {
            let mut large = later(order(&format!("L-{place}")), 2 * place);
            if let Some(Content::Purchase(purchase)) = &mut large.content {
                let line = pb::PurchaseLine {
                    name: "x".repeat(490),
                    serial_number: "the same".to_owned(),
                    ..purchase.lines[0].clone()
                };
                purchase.lines = vec![line; 480];
            }
            server.recorded(to(&anna, large)).await;
            // Those of another record are in between, and behind the end of a page of its own.
            server.recorded(to(&bert, later(order(&format!("S-{place}")), 2 * place - 5))).await;
        }
        let (pages, seen) = server.pages(of(&anna)).await;
        let wanted: Vec<_> = (0..9).rev().map(|place| format!("L-{place}")).collect();
        assert_eq!(seen, wanted);
        assert!(pages > 1, "{pages}");
        server.merge_of(&anna, &bert).await;
        let (pages, seen) = server.pages(of(&anna)).await;
        let mut wanted: Vec<_> = (0..9)
            .flat_map(|place| {
                [(2 * place, format!("L-{place}")), (2 * place - 5, format!("S-{place}"))]
            })
            .collect();
        wanted.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        assert_eq!(seen, wanted.into_iter().map(|(_, number)| number).collect::<Vec<_>>());
        assert!(pages > 1, "{pages}");
        let call =
            pb::FindPurchasesRequest { number: Some(serial("THESAME")), ..Default::default() };
        let answer = server.purchases.clone().find_purchases(call).await.unwrap().into_inner();
        assert!(answer.has_more && !answer.purchases.is_empty());
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_look_up_of_a_common_number_is_bounded() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut calls = Vec::new();
        for place in 0..30 {
            let mut common = order("");
            if let Some(Content::Purchase(purchase)) = &mut common.content {
                purchase.lines[0].serial_number = "n/a".to_owned();
            }
            calls.push(by(vec![account(format!("person-{}", place % 7))], common));
        }
        server.batch(calls).await.unwrap();
        let mut call =
            pb::FindPurchasesRequest { number: Some(serial("NA")), ..Default::default() };
        let answer = server.purchases.clone().find_purchases(call.clone()).await.unwrap();
        let answer = answer.into_inner();
        assert!(answer.has_more && answer.purchases.len() == 20);
        call.customer_id = answer.purchases[0].customer_id.clone();
        let answer = server.purchases.clone().find_purchases(call).await.unwrap().into_inner();
        assert!(!answer.has_more && (4..=5).contains(&answer.purchases.len()));
        server.stop().await;
    })
    .await;
}
