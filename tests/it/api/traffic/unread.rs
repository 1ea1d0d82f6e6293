//! Responses that nobody reads.

use throughline::{api::budget::BudgetLimits, pb, server::Settings};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::{
    ENDLESS, LIST, MIB, NARROW, SHORT, TEXT, assert_too_many_bytes, begin, bounded, heads,
    large_page, per_connection,
};
use crate::{
    calls::{Refusal, account, refusal},
    identity::with_token,
    support::{DESK_TOKEN, SHOP_TOKEN, Server, on_both, raw::RawConnection},
};

const CUSTOMER: &str = "/throughline.v1.CustomerService/GetCustomer";
const CALLS: usize = 20;
/// The minimum size of a page, in bytes.
const PAGE_BYTES: usize = 400 << 10;

/// For browsers too, whose responses are translated.
#[tokio::test]
async fn a_connection_holds_no_more_answers_than_it_may() {
    let browsers = [("content-type", TEXT), ("accept", TEXT)];
    on_both(async |database| {
        let server = Server::start_with(database, bounded(per_connection(MIB))).await;
        let page = large_page(&server).await;
        for headers in [&[][..], &browsers] {
            let mut connection = RawConnection::open(server.address, NARROW).await;
            let calls = begin(&mut connection, LIST, headers, &page, CALLS).await;
            let (answered, refused) = heads(calls).await;
            refused.iter().for_each(|status| assert_too_many_bytes(status, "this connection"));
            assert_eq!((answered.len(), refused.len()), (3, CALLS - 3));
            // Another connection is answered.
            server.timeline.clone().list_timeline(page.clone()).await.unwrap();
            for answer in answered {
                assert!(answer.take().await > PAGE_BYTES);
            }
            // There is capacity again once the server has noticed that all of it was read.
            loop {
                let again = begin(&mut connection, LIST, headers, &page, 1).await;
                if heads(again).await.1.is_empty() {
                    break;
                }
            }
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn without_a_bound_a_connection_holds_all_that_it_asks_for() {
    on_both(async |database| {
        let server = Server::start_with(database, bounded(BudgetLimits::NONE)).await;
        let page = large_page(&server).await;
        let mut connection = RawConnection::open(server.address, NARROW).await;
        let calls = begin(&mut connection, LIST, &[], &page, CALLS).await;
        let (answered, refused) = heads(calls).await;
        assert_eq!((answered.len(), refused.len()), (CALLS, 0));
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_caller_holds_no_more_answers_than_it_may_and_all_no_more_than_there_is() {
    let cases = [
        (BudgetLimits { per_caller: MIB, ..BudgetLimits::NONE }, "this caller", true),
        (BudgetLimits { all: MIB, ..BudgetLimits::NONE }, "the server", false),
    ];
    on_both(async |database| {
        let filling = Server::start(database).await;
        let page = large_page(&filling).await;
        filling.stop().await;
        for (limits, of, leaves_room) in cases {
            let server = Server::start_with(database, bounded(limits)).await;
            let shop = format!("Bearer {SHOP_TOKEN}");
            let mut held = Vec::new();
            for _ in 0..CALLS {
                let mut connection = RawConnection::open(server.address, NARROW).await;
                let headers = [("authorization", shop.as_str())];
                let calls = begin(&mut connection, LIST, &headers, &page, 1).await;
                let (answered, refused) = heads(calls).await;
                refused.iter().for_each(|status| assert_too_many_bytes(status, of));
                held.extend(answered);
            }
            assert_eq!(held.len(), 3);
            let mut timeline = server.timeline.clone();
            let desk = timeline.list_timeline(with_token(DESK_TOKEN, page.clone())).await;
            assert_eq!(desk.is_ok(), leaves_room, "{desk:?}");
            // Writes and small responses are always answered.
            server.identified(vec![account("anna")]).await;
            server.stop().await;
        }
    })
    .await;
}

/// A call holds its permit until its response has been sent, and a client that does not read it is
/// disconnected.
#[tokio::test]
async fn a_place_comes_back_when_an_answer_is_not_taken() {
    on_both(async |database| {
        let mut settings = Settings { max_calls: 1, ..bounded(BudgetLimits::NONE) };
        for send_timeout in [ENDLESS, SHORT] {
            settings.traffic.send_timeout = send_timeout;
            let server = Server::start_with(database, settings.clone()).await;
            let anna = server.identified(vec![account("anna")]).await.customer.unwrap();
            let customer = pb::get_customer_request::Customer::CustomerId(anna.id);
            let get = pb::GetCustomerRequest { customer: Some(customer) };
            let mut client = server.customers.clone();
            let overloaded = Refusal::new(Code::ResourceExhausted, "OVERLOADED", []);
            let mut stuck = RawConnection::open(server.address, 0).await;
            // The previous call's permit may not be released yet.
            let held = loop {
                let calls = begin(&mut stuck, CUSTOMER, &[], &get, 1).await;
                let (answered, _) = heads(calls).await;
                if !answered.is_empty() {
                    break answered;
                }
            };
            if send_timeout == ENDLESS {
                for _ in 0..10 {
                    assert_eq!(refusal(client.get_customer(get.clone()).await), overloaded);
                }
                // A client that disconnects releases its permit.
                drop(held);
                while client.get_customer(get.clone()).await.is_err() {}
            } else {
                stuck.ended().await;
                while let Err(status) = client.get_customer(get.clone()).await {
                    assert_eq!(refusal::<()>(Err(status)), overloaded);
                }
            }
            server.stop().await;
        }
    })
    .await;
}

/// The limit on the total time is for clients that read a little, again and again.
#[tokio::test]
async fn an_answer_that_is_taken_by_and_by_ends_with_the_longest_deadline() {
    on_both(async |database| {
        let usual = bounded(BudgetLimits::NONE);
        let settings = Settings { max_deadline: SHORT, default_deadline: SHORT, ..usual };
        // A client that fills the limit has more time.
        let filling = Server::start(database).await;
        let page = large_page(&filling).await;
        filling.stop().await;
        let server = Server::start_with(database, settings).await;
        let mut connection = RawConnection::open(server.address, NARROW).await;
        let calls = begin(&mut connection, LIST, &[], &page, 1).await;
        let (answered, refused) = heads(calls).await;
        // On a busy machine the call itself may take too long.
        if let Some(status) = refused.first() {
            let details = status.get_error_details();
            assert_eq!(details.error_info().unwrap().reason, "DEADLINE_PASSED");
        } else {
            connection.ended().await;
        }
        drop(answered);
        server.stop().await;
    })
    .await;
}
