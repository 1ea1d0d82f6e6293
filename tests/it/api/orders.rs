//! What an entry refers to: orders by their numbers, and the entry that it answers.

use throughline::pb::{self, entry::Content};
use tonic::Code;

use crate::{
    calls::{Refusal, about, account, bought, by, list, note, said, to},
    support::{Server, on_both},
};

fn purchase_not_found(index: usize) -> Refusal {
    let field = format!("entry.order_numbers[{index}]");
    Refusal::new(Code::NotFound, "PURCHASE_NOT_FOUND", [&field])
}

fn taken() -> Refusal {
    let field = "entry.purchase.order_number";
    Refusal::new(Code::AlreadyExists, "ORDER_NUMBER_TAKEN", [field])
}

fn reply(to: &str) -> pb::Entry {
    let mut entry = said("an answer");
    if let Some(Content::Interaction(interaction)) = &mut entry.content {
        interaction.reply_to_entry_id = to.to_owned();
    }
    entry
}

#[tokio::test]
async fn an_entry_is_about_orders_of_its_own_customer() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.recorded(by(vec![account("anna")], bought("W-1"))).await.customer_id;
        server.recorded(to(&anna, bought("W-2"))).await;
        server.recorded(by(vec![account("bert")], bought("B-1"))).await;

        server.recorded(to(&anna, about(note("both"), ["W-1", "W-2"]))).await;
        // Another notation is the same order.
        server.recorded(to(&anna, about(note("forms"), [" #w-1 "]))).await;
        let unknown = to(&anna, about(note("x"), ["W-1", "W-3"]));
        assert_eq!(server.not_recorded(unknown).await, purchase_not_found(1));
        // The order of another customer looks as if there were none.
        let others = to(&anna, about(note("x"), ["W-1", "B-1"]));
        assert_eq!(server.not_recorded(others).await, purchase_not_found(1));
        let of_nobody = by(vec![account("carla")], about(note("x"), ["W-1"]));
        assert_eq!(server.not_recorded(of_nobody).await, purchase_not_found(0));
        // An order may be about itself, and about another one.
        server.recorded(to(&anna, about(bought("W-4"), ["W-4", "W-1"]))).await;
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_order_number_is_one_order_of_a_customer() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let first = by(vec![account("anna")], bought("W-1"));
        let anna = server.recorded(first.clone()).await.customer_id;
        for number in ["W-1", "#w-1", " W-1 "] {
            assert_eq!(server.not_recorded(to(&anna, bought(number))).await, taken());
        }
        assert!(server.recorded(first).await.already_recorded, "a retry is no second order");
        server.recorded(by(vec![account("bert")], bought("W-1"))).await;
        // Without a number, there may be any number of orders.
        for _ in 0..2 {
            server.recorded(to(&anna, bought(""))).await;
        }
        assert_eq!(server.timeline_of(&anna).await.len(), 3);
        server.stop().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_number_at_once_is_one_order() {
    on_both(async |database| {
        let servers = [Server::start(database).await, Server::start(database).await];
        for round in 0..5 {
            let mut calls = tokio::task::JoinSet::new();
            for caller in 0..16 {
                let mut client = servers[caller % 2].timeline.clone();
                // Half of the customers are unknown so far.
                let who = if round % 2 == 0 { "anna".to_owned() } else { format!("new {round}") };
                let call = by(vec![account(who)], bought(format!("W-{round}")));
                calls.spawn(async move { client.record_entry(call).await });
            }
            let answers = calls.join_all().await;
            let (new, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            assert_eq!(new.len(), 1);
            for answer in refused {
                assert_eq!(crate::calls::refusal(answer), taken());
            }
        }
        for server in servers {
            server.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_to_an_entry_of_the_same_customer() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let asked = server.recorded(by(vec![account("anna")], said("a question"))).await;
        let others = server.recorded(by(vec![account("bert")], said("another"))).await;
        let anna = asked.customer_id.as_str();
        server.recorded(to(anna, reply(&asked.entry_id))).await;
        server.recorded(by(vec![account("anna")], reply(&asked.entry_id))).await;

        let field = "entry.interaction.reply_to_entry_id";
        let not_found = Refusal::new(Code::NotFound, "ENTRY_NOT_FOUND", [field]);
        for id in [others.entry_id.as_str(), "0190f3c4-7b1a-7cc0-8000-00000000beef", anna] {
            assert_eq!(server.not_recorded(to(anna, reply(id))).await, not_found, "{id}");
        }
        let of_nobody = by(vec![account("carla")], reply(&asked.entry_id));
        assert_eq!(server.not_recorded(of_nobody).await, not_found);
        let no_id = to(anna, reply("the first one"));
        assert_eq!(server.not_recorded(no_id).await, Refusal::invalid([field]));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_list_of_an_order_holds_the_order_and_what_is_about_it() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let order = server.recorded(by(vec![account("anna")], bought("W-1"))).await;
        let anna = order.customer_id.as_str();
        let mut wanted = vec![order.entry_id.clone()];
        server.recorded(to(anna, bought("W-2"))).await;
        for entry in [about(said("a call"), ["W-1"]), about(note("both"), ["W-2", "W-1", "#w-1"])] {
            wanted.push(server.recorded(to(anna, entry)).await.entry_id);
        }
        server.recorded(to(anna, about(note("other"), ["W-2"]))).await;
        server.recorded(by(vec![account("bert")], bought("W-1"))).await;
        wanted.sort();
        for number in ["W-1", "#w-1"] {
            let filter = pb::EntryFilter { order_number: number.to_owned(), ..Default::default() };
            let call = pb::ListTimelineRequest { filter: Some(filter), page_size: 1, ..list(anna) };
            let mut ids: Vec<_> = server.all(call).await.into_iter().map(|it| it.id).collect();
            ids.sort();
            assert_eq!(ids, wanted, "{number}");
        }
        server.stop().await;
    })
    .await;
}
