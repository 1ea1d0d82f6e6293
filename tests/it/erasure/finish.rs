//! The second step: what the transaction of an erasure leaves to it.

use std::collections::BTreeMap;

use super::{
    canaries::bytes::{files, in_bytes},
    erased, store,
};
use crate::{
    calls::{account, by, by_request_id, note, request_id, to},
    live::execute,
    support::{Database, Server, on_both},
};

/// A few words among many stay in the search index until it is merged.
#[tokio::test]
async fn the_index_of_the_search_forgets_few_words_among_many() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let store = store(&database).await;
    let mut calls = Vec::new();
    for number in 0..600 {
        calls.push(by(vec![account("other")], note(format!("other{number} words{number}"))));
    }
    let mut chunks = calls.chunks(60);
    server.batch(chunks.next().unwrap().to_vec()).await.unwrap();
    let gone = server.recorded(by(vec![account("gone")], note("zqxvkjwpt7"))).await.customer_id;
    for chunk in chunks {
        server.batch(chunk.to_vec()).await.unwrap();
    }
    server.erased(&gone).await;
    // The word that leads to the record is the other one that it had.
    let needles = BTreeMap::from([(b"zqxvkjwpt7".to_vec(), "the word".to_owned())]);
    let left = async || {
        let files = files(&database).await;
        let bytes: Vec<u8> =
            files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default()).collect();
        in_bytes(&needles, &bytes).len()
    };
    assert_eq!(left().await, 1, "the control");
    assert_eq!(store.finish_erasures().await.unwrap(), 1);
    assert_eq!(left().await, 0);
    let found = throughline::pb::SearchTimelineRequest {
        query: "other599".to_owned(),
        ..Default::default()
    };
    let found = server.timeline.clone().search_timeline(found).await.unwrap().into_inner();
    assert_eq!(found.entries.len(), 1, "the others are found as before");
    store.close().await;
    server.stop().await;
}

/// A write that adds an idempotency key to an earlier one during the erasure leaves that key.
#[tokio::test]
async fn a_name_that_was_given_meanwhile_is_worth_nothing_and_goes() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let gone = server.made(vec![account("gone")]).await.id;
        let call = by_request_id(to(&gone, note("late")));
        server.erased(&gone).await;
        let id = |text: &str| match database.url.starts_with("sqlite:") {
            true => format!("x'{}'", text.replace('-', "")),
            false => format!("'{text}'"),
        };
        let stray = format!(
            "insert into idempotency_keys \
             (scope, name, body, customer_id, entry_id, revision, recorded_at, \
            customer_created) values ('request_id', '{}', {}, {}, {}, 1, 0, false)",
            call.request_id,
            if database.url.starts_with("sqlite:") { "x'00'" } else { "'\\x00'" },
            id(&gone),
            id(&request_id()),
        );
        execute(database, &stray).await;
        assert_eq!(server.not_recorded(call.clone()).await, erased());
        let call = throughline::pb::RecordEntryRequest {
            customer_id: String::new(),
            identifiers: vec![account("somebody")],
            ..call
        };
        assert_eq!(server.not_recorded(call.clone()).await, erased());
        let store = store(database).await;
        store.finish_erasures().await.unwrap();
        assert!(server.recorded(call).await.customer_created, "the name is free");
        store.close().await;
        server.stop().await;
    })
    .await;
}
