//! Entries so large that a page of them would not fit into a message.

use prost::Message as _;
use throughline::pb::{self, TimelineOrder, search_timeline_request};

use crate::{
    calls::{account, at, by, list, note},
    support::{Server, on_both},
};

const PAGE_BYTES: usize = 3 << 20;
const LARGE: usize = 250 << 10;

/// A note of this size with the word "refund" in it.
fn large_note(bytes: usize, seconds: i64) -> pb::Entry {
    let mut text = "refund ".to_owned();
    text.push_str(&"-".repeat(bytes - text.len()));
    pb::Entry { occurred_at: Some(at(seconds)), ..note(text) }
}

/// Small entries, then large ones, then small ones again: 40 in total, about 6 MiB.
async fn fill(server: &Server) -> String {
    let mut customer_id = String::new();
    for number in 0..40 {
        let bytes = if (8..32).contains(&number) { LARGE } else { 100 };
        let call = by(vec![account("anna")], large_note(bytes, -1000 + number));
        customer_id = server.recorded(call).await.customer_id;
    }
    customer_id
}

/// Whether the pages hold all 40 entries in order, each page within its limit.
fn check(mut pages: Vec<Vec<pb::Entry>>, newest_first: bool) {
    for page in &pages {
        let bytes: usize = page.iter().map(|entry| entry.encoded_len() + 5).sum();
        assert!(bytes <= PAGE_BYTES, "{bytes} bytes");
        assert!(!page.is_empty());
    }
    assert!(pages.len() > 2 && pages.len() < 15, "{} pages", pages.len());
    if newest_first {
        pages.reverse();
        pages.iter_mut().for_each(|page| page.reverse());
    }
    let seconds: Vec<_> = pages
        .into_iter()
        .flatten()
        .map(|it| it.occurred_at.unwrap().seconds - at(-1000).seconds)
        .collect();
    assert_eq!(seconds, (0..40).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_page_of_a_list_is_cut_before_it_is_too_large() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let customer_id = fill(&server).await;
        // The default limit of a client: 4 MiB.
        let mut timeline = server.timeline.clone().max_decoding_message_size(4 << 20);
        for order in [TimelineOrder::NewestFirst, TimelineOrder::OldestFirst] {
            let mut call = pb::ListTimelineRequest {
                page_size: 200,
                order: order.into(),
                ..list(&customer_id)
            };
            let mut pages = Vec::new();
            loop {
                let page = timeline.list_timeline(call.clone()).await.unwrap().into_inner();
                pages.push(page.entries);
                if page.next_page_token.is_empty() {
                    break;
                }
                call.page_token = page.next_page_token;
            }
            check(pages, order == TimelineOrder::NewestFirst);
        }
        server.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_of_a_search_is_cut_before_it_is_too_large() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let customer_id = fill(&server).await;
        let mut timeline = server.timeline.clone().max_decoding_message_size(4 << 20);
        for customer in [None, Some(search_timeline_request::Customer::CustomerId(customer_id))] {
            let mut call = pb::SearchTimelineRequest {
                query: "refunds".to_owned(),
                customer,
                page_size: 200,
                ..Default::default()
            };
            let mut pages = Vec::new();
            loop {
                let page = timeline.search_timeline(call.clone()).await.unwrap().into_inner();
                pages.push(page.entries);
                if page.next_page_token.is_empty() {
                    break;
                }
                call.page_token = page.next_page_token;
            }
            check(pages, true);
        }
        server.stop().await;
    })
    .await;
}
