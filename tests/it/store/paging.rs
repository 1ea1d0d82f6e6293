//! Paging through a long timeline during writes.

use std::collections::BTreeSet;

use prost_types::Timestamp;
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    pb::{self, TimelineOrder},
    store::Store,
};

use crate::{
    calls::{account, at, by, list, note},
    random::Random,
    support::{Database, NOW, Server, on_both},
};

const ENTRIES: usize = 50_000;
const BATCH: usize = 1000;
const PAGE: i32 = 200;
/// The entries are within this many seconds: often several at the same time.
const SECONDS: usize = 30_000;

const RULES: Rules = Rules::new(Clock::Fixed(NOW));

/// A time before the end of the timeline.
fn before_the_end(seconds: usize) -> Timestamp {
    at(-1_000_000 - i64::try_from(seconds).unwrap())
}

/// Another server that records entries meanwhile.
struct Writer {
    store: Store,
    random: Random,
    customer_id: String,
    /// The source_refs of all entries so far.
    recorded: BTreeSet<String>,
}

impl Writer {
    async fn open(database: &Database) -> Self {
        let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
        let random = Random::new(20260314);
        Self { store, random, customer_id: String::new(), recorded: BTreeSet::new() }
    }

    /// One entry at each of these times, in one transaction.
    async fn record(&mut self, times: Vec<Timestamp>) {
        let records = times.into_iter().map(|time| {
            let entry = pb::Entry { occurred_at: Some(time), ..note("x") };
            assert!(self.recorded.insert(entry.source_ref.clone()));
            validate::record(by(vec![account("anna")], entry), &RULES, &Actor::local()).unwrap()
        });
        let records = records.collect();
        for answer in self.store.record_each(records).await.unwrap() {
            self.customer_id = answer.unwrap().customer_id.to_string();
        }
    }

    async fn fill(&mut self) {
        for _ in 0..ENTRIES / BATCH {
            let random = &mut self.random;
            let times = (0..BATCH).map(|_| before_the_end(random.below(SECONDS))).collect();
            self.record(times).await;
        }
    }

    /// Entries newer and older than all, some in between, and some around the reader's position: at
    /// the same time, and a microsecond to either side.
    async fn record_around(&mut self, place: Timestamp) {
        let mut times = vec![at(-500_000), before_the_end(2 * SECONDS), place, place];
        times.extend((0..4).map(|_| before_the_end(self.random.below(SECONDS))));
        let micros = place.seconds * 1_000_000 + i64::from(place.nanos) / 1000;
        for micros in [micros - 1, micros + 1] {
            let nanos = i32::try_from(micros.rem_euclid(1_000_000)).unwrap() * 1000;
            times.push(Timestamp { seconds: micros.div_euclid(1_000_000), nanos });
        }
        self.record(times).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_entry_comes_once_while_others_are_recorded() {
    on_both(async |database| {
        let mut writer = Writer::open(database).await;
        writer.fill().await;
        assert_eq!(writer.recorded.len(), ENTRIES);
        let server = Server::start(database).await;
        for order in [TimelineOrder::NewestFirst, TimelineOrder::OldestFirst] {
            page_through(&server, &mut writer, order).await;
        }
        server.stop().await;
        writer.store.close().await;
    })
    .await;
}

async fn page_through(server: &Server, writer: &mut Writer, order: TimelineOrder) {
    let before = writer.recorded.clone();
    let mut call = pb::ListTimelineRequest {
        page_size: PAGE,
        order: order.into(),
        ..list(&writer.customer_id)
    };
    let mut timeline = server.timeline.clone();
    let mut place = at(-1_000_000);
    let mut last = None;
    let mut seen = BTreeSet::new();
    loop {
        let page = timeline.list_timeline(call.clone());
        let (page, ()) = tokio::join!(page, writer.record_around(place));
        let page = page.unwrap().into_inner();
        for entry in page.entries {
            let time = entry.occurred_at.unwrap();
            let key = (time.seconds, time.nanos, entry.id);
            match order {
                TimelineOrder::OldestFirst => assert!(last.is_none_or(|last| last < key)),
                _ => assert!(last.is_none_or(|last| last > key)),
            }
            assert!(seen.insert(entry.source_ref), "an entry came twice");
            last = Some(key);
            place = time;
        }
        if page.next_page_token.is_empty() {
            break;
        }
        call.page_token = page.next_page_token;
    }
    assert!(seen.is_superset(&before), "{} are missing", before.difference(&seen).count());
    // Concurrent entries are included after the reader's position, and only there.
    let meanwhile: BTreeSet<_> = writer.recorded.difference(&before).cloned().collect();
    let found = seen.intersection(&meanwhile).count();
    assert_eq!(seen.len(), before.len() + found);
    assert!(found > 100 && found < meanwhile.len() - 100, "{found} of {}", meanwhile.len());
}
