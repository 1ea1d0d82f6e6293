//! Pages of what is found.

use throughline::pb;
use tonic::Code;

use super::{name, postcode, profile, text};
use crate::{
    calls::{Refusal, refusal},
    support::{Server, on_both},
};

#[tokio::test]
async fn customers_come_in_pages_each_once() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut made = Vec::new();
        for number in 0..23 {
            let who = format!("account-{number}");
            let profile = profile("Anna", &format!("Berg {number}"), &["Dam 1"], "1012 JS");
            made.push(server.add(&who, profile).await);
        }
        made.sort_by(|a, b| a.id.cmp(&b.id));
        let mut customers = server.customers.clone();
        for query in [
            name("berg anna"),
            name("brg anna"),
            postcode("1012JS", ""),
            postcode("1012JS", "1"),
            text("berg 1012js"),
        ] {
            for page_size in [1, 5, 22, 23, 200] {
                let mut call = pb::SearchCustomersRequest {
                    query: Some(query.clone()),
                    page_size,
                    ..Default::default()
                };
                let mut found = Vec::new();
                loop {
                    let page = customers.search_customers(call.clone()).await.unwrap();
                    let page = page.into_inner();
                    found.extend(page.customers);
                    if page.next_page_token.is_empty() {
                        break;
                    }
                    call.page_token = page.next_page_token;
                    // The size may change from one page to the next.
                    call.page_size = 4;
                }
                assert_eq!(found, made, "{query:?} in pages of {page_size}");
            }
        }

        let call = |query, page_token: &str| pb::SearchCustomersRequest {
            query: Some(query),
            page_size: 5,
            page_token: page_token.to_owned(),
        };
        let page = customers.search_customers(call(name("berg"), "")).await.unwrap().into_inner();
        let bad = Refusal::new(Code::InvalidArgument, "BAD_PAGE_TOKEN", ["page_token"]);
        for query in [name("anna"), postcode("1012JS", "")] {
            let call = call(query, &page.next_page_token);
            assert_eq!(refusal(customers.search_customers(call).await), bad);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_best_200_are_found_and_the_best_come_first() {
    on_both(async |database| {
        let server = Server::start(database).await;
        for number in 0..230 {
            let given = if number % 100 == 99 { "Jan" } else { "Janneke" };
            let jansen = profile(given, "Jansen", &["Dam 1"], "1012 JS");
            server.add(&format!("account-{number}"), jansen).await;
        }
        let mut call = pb::SearchCustomersRequest {
            query: Some(text("jan jansen")),
            page_size: 60,
            ..Default::default()
        };
        let mut accounts = Vec::new();
        let mut customers = server.customers.clone();
        loop {
            let page = customers.search_customers(call.clone()).await.unwrap().into_inner();
            accounts.extend(page.customers.iter().map(super::account_of));
            call.page_token = page.next_page_token;
            if call.page_token.is_empty() {
                break;
            }
        }
        assert_eq!(accounts.len(), 200);
        accounts.truncate(2);
        accounts.sort();
        assert_eq!(accounts, ["account-199", "account-99"]);
        server.stop().await;
    })
    .await;
}
