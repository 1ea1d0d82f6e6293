//! Recording and reading a timeline.

use prost_types::Timestamp;
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::{EntryFilter, Order},
    pb,
    store::{PageRequest, Store},
};

use crate::support::on_both;

pub const RULES: Rules = Rules::new(Clock::System);

/// A note of a customer with an account, with a source_ref.
pub fn note(account: &str, source_ref: &str, at: i64, text: &str) -> pb::RecordEntryRequest {
    pb::RecordEntryRequest {
        identifiers: vec![pb::Identifier {
            kind: pb::IdentifierKind::Account.into(),
            value: account.to_owned(),
            ..Default::default()
        }],
        entry: Some(pb::Entry {
            occurred_at: Some(Timestamp { seconds: at, nanos: 0 }),
            channel: pb::Channel::Phone.into(),
            source: "test".to_owned(),
            source_ref: source_ref.to_owned(),
            content: Some(pb::entry::Content::Note(pb::Note { text: text.to_owned() })),
            ..Default::default()
        }),
        ..Default::default()
    }
}

async fn add(store: &Store, request: pb::RecordEntryRequest) -> throughline::model::RecordedEntry {
    let record = validate::record(request, &RULES, &Actor::local()).unwrap();
    store.record(vec![record]).await.unwrap().pop().unwrap()
}

fn page(order: Order, limit: usize) -> PageRequest {
    PageRequest { filter: EntryFilter::default(), order, after: None, limit }
}

#[tokio::test]
async fn entries_come_back_in_the_order_they_happened() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::System).await.unwrap();
        for (name, at) in [("b", 200), ("a", 100), ("c", 300)] {
            add(&store, note("anna", name, at, &format!("note {name}"))).await;
        }
        let again = add(&store, note("anna", "b", 200, "note b")).await;
        assert!(again.already_recorded);
        assert_eq!(again.revision, 1);
        let id = again.customer_id;
        for (order, wanted) in [(Order::NewestFirst, "cba"), (Order::OldestFirst, "abc")] {
            let page = store.list_timeline(id, &page(order, 50)).await.unwrap();
            let page = pb::ListTimelineResponse::decode_page(page.entries.bytes());
            let refs: String = page.iter().map(|entry| entry.source_ref.as_str()).collect();
            assert_eq!(refs, wanted);
        }
        let first = page(Order::NewestFirst, 2);
        let got = store.list_timeline(id, &first).await.unwrap();
        assert_eq!((got.entries.len(), got.revision), (2, 3));
        let next = PageRequest { after: got.next, ..first };
        let got = store.list_timeline(id, &next).await.unwrap();
        assert_eq!((got.entries.len(), got.next), (1, None));

        let nobody = uuid::Uuid::from_u128(1);
        let missing = store.list_timeline(nobody, &page(Order::NewestFirst, 2)).await;
        assert_eq!(missing.unwrap_err(), Error::CustomerNotFound);
        store.close().await;
    })
    .await;
}

/// The entries of an encoded page.
trait DecodePage {
    fn decode_page(bytes: &[u8]) -> Vec<pb::Entry>;
}

impl DecodePage for pb::ListTimelineResponse {
    fn decode_page(bytes: &[u8]) -> Vec<pb::Entry> {
        <Self as prost::Message>::decode(bytes).unwrap().entries
    }
}
