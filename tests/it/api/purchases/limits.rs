//! What is stored of purchases: its limits, and that nothing of it is lost.

use throughline::pb::OrderStatus;
use tonic::{Code, Request};

use super::{brought_back, change, order, serial, tracking};
use crate::{
    calls::{Refusal, about, account, by, note, refusal, to},
    support::{Database, RowCounter, Server, on_both},
};

#[tokio::test]
async fn an_order_is_full_at_some_time() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], order("W-1"))).await.customer_id;
        let changes = |count| {
            let change = || to(&anna, change("W-1", OrderStatus::Shipped, -1, ""));
            (0..count).map(|_| change()).collect::<Vec<_>>()
        };
        server.batch(changes(150)).await.unwrap();
        let mut rows = RowCounter::of(database).await;
        let before = rows.count().await;
        let full = Refusal::new(Code::ResourceExhausted, "PURCHASE_FULL", []);
        assert_eq!(refusal(server.batch(changes(51)).await), full);
        assert_eq!(rows.count().await, before);
        server.batch(changes(50)).await.unwrap();
        assert_eq!(server.not_recorded(changes(1).remove(0)).await, full);
        assert_eq!(server.purchases_of(&anna).await[0].changes.len(), 201);
        // Entries about it have no such limit.
        server.recorded(to(&anna, about(note("x"), ["W-1"]))).await;
        server.stop().await;
    })
    .await;
}

/// Two servers and many callers add to one order at the same time: nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_all_count() {
    on_both(async |database| {
        let servers = [Server::start(database).await, Server::start(database).await];
        let anna = servers[0].recorded(by(vec![account("anna")], order("W-1"))).await.customer_id;
        let again = servers[0].recorded(by(vec![account("anna2")], order("W-9"))).await;
        servers[0].merge_of(&anna, &again.customer_id).await;
        let mut calls = tokio::task::JoinSet::new();
        for caller in 0..32_usize {
            let mut client = servers[caller % 2].timeline.clone();
            let whom = if caller % 3 == 0 { &again.customer_id } else { &anna };
            let tracking = format!("T-{caller}");
            let change = to(whom, change("W-1", OrderStatus::Shipped, -1, &tracking));
            calls.spawn(async move { client.record_entry(Request::new(change)).await });
        }
        for answer in calls.join_all().await {
            answer.unwrap();
        }
        let all = servers[1].purchases_of(&anna).await;
        let purchase = all.iter().find(|it| it.order_number == "W-1").unwrap();
        assert_eq!(purchase.tracking_numbers.len(), 32);
        for server in servers {
            server.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn older_purchases_are_told_at_the_next_start() {
    on_both(async |database: &Database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], order("W-1"))).await.customer_id;
        let mut calls = vec![to(&anna, order("")), to(&anna, brought_back("W-1", "", 5))];
        calls.extend((0..100).map(|place| {
            let who = vec![account(format!("person-{}", place % 40))];
            by(who, order(&format!("P-{place}")))
        }));
        server.batch(calls).await.unwrap();
        let shipped = change("W-1", OrderStatus::Shipped, -3, "3S-1");
        server.recorded(to(&anna, shipped)).await;
        let before = server.purchases_of(&anna).await;
        assert_eq!((before.len(), before[0].changes.len() + before[1].changes.len()), (2, 3));
        let mut rows = RowCounter::of(database).await;
        let counts = rows.count().await;
        server.stop().await;

        // One that another server has written by then stays.
        for sql in [
            "delete from settings where name = 'orders_filled'",
            "delete from orders where order_key <> 'P-50'",
            "delete from purchase_keys",
        ] {
            crate::live::execute(database, sql).await;
        }
        let server = Server::start(database).await;
        assert_eq!(server.purchases_of(&anna).await, before);
        assert_eq!(
            server.purchases_by(tracking("3S1"), "").await,
            [(anna.clone(), "W-1".to_owned())]
        );
        assert_eq!(server.purchases_by(serial("P50SN1"), "").await.len(), 1);
        assert_eq!(rows.count().await, counts);
        server.stop().await;
    })
    .await;
}
