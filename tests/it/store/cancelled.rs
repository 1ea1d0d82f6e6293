//! Callers that disconnect. A transaction that is dropped while it begins would leave its
//! connection within a transaction, and later acknowledged writes over that connection would be
//! lost.

use std::{collections::BTreeSet, future::Future};

use sqlx::{Connection as _, PgConnection};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::{
        Clue, CustomerQuery, EntryFilter, Identifier, Order, Origin, Profile, ProfileField,
        Reading, RecordEntry, RecordedEntry,
    },
    pb,
    store::{PageRequest, ProfileChange, Store},
};
use uuid::Uuid;

use super::people::context;
use crate::{
    calls::{account, by, identify, note},
    random::Random,
    support::{Database, NOW, on_both},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));
const CALLERS: u64 = 8;
const ROUNDS: usize = 60;

/// A call that is cancelled after a number of turns of the other tasks.
async fn within<T>(turns: usize, call: impl Future<Output = T>) -> Option<T> {
    let patience = async {
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        done = call => Some(done),
        () = patience => None,
    }
}

fn entry() -> RecordEntry {
    validate::record(by(vec![account("anna")], note("x")), &RULES, &Actor::local()).unwrap()
}

fn key() -> Identifier {
    let call = identify(vec![account("anna")]);
    validate::identify(call, &RULES, &Actor::local()).unwrap().0.pop().unwrap()
}

fn change(customer_id: Uuid) -> ProfileChange {
    ProfileChange {
        customer_id,
        profile: Profile::default(),
        fields: vec![ProfileField::GivenName],
        origin: Origin::default(),
        expected_etag: None,
        context: context(),
    }
}

fn page(limit: usize) -> PageRequest {
    PageRequest { filter: EntryFilter::default(), order: Order::NewestFirst, after: None, limit }
}

async fn record(store: &Store, entry: RecordEntry) -> Result<RecordedEntry, Error> {
    store.record(vec![entry]).await.map(|mut recorded| recorded.pop().unwrap())
}

/// The calls of one caller.
#[derive(Default)]
struct Done {
    acknowledged: Vec<RecordedEntry>,
    given_up: Vec<RecordEntry>,
    changes: Vec<ProfileChange>,
}

/// Calls of all kinds, most of which the caller cancels sooner or later.
async fn call(store: Store, anna: Uuid, seed: u64) -> Done {
    let mut random = Random::new(seed);
    let mut done = Done::default();
    for round in 0..ROUNDS {
        let mut turns = || 1 << random.below(13);
        let new = entry();
        let patience = if round % 4 == 0 { usize::MAX } else { turns() };
        match within(patience, record(&store, new.clone())).await {
            Some(recorded) => done.acknowledged.push(recorded.unwrap()),
            None => done.given_up.push(new),
        }
        let one = change(anna);
        within(turns(), store.update_customer(one.clone())).await.transpose().unwrap();
        done.changes.push(one);
        within(turns(), store.list_timeline(anna, &page(50))).await.transpose().unwrap();
        within(turns(), store.get_customer(anna)).await.transpose().unwrap();
        let by_name = Clue::Name { places: false };
        let reading = Reading { clue: by_name, words: vec!["anna".to_owned()] };
        let query = CustomerQuery { readings: vec![reading] };
        within(turns(), store.search_customers(&query, None, 10)).await.transpose().unwrap();
    }
    done
}

/// The ids of the entries of a customer, and the customer's revision.
async fn timeline(store: &Store, customer_id: Uuid) -> (BTreeSet<Uuid>, i64) {
    let mut request = page(200);
    let mut ids = BTreeSet::new();
    loop {
        let page = store.list_timeline(customer_id, &request).await.unwrap();
        let decoded: pb::ListTimelineResponse =
            prost::Message::decode(page.entries.bytes()).unwrap();
        for entry in decoded.entries {
            assert!(ids.insert(entry.id.parse().unwrap()));
        }
        if page.next.is_none() {
            return (ids, page.revision);
        }
        request.after = page.next;
    }
}

/// The number of connections to PostgreSQL within an abandoned transaction.
async fn left_in_a_transaction(database: &Database) -> i64 {
    const COUNT: &str = "select count(*) from pg_stat_activity \
        where datname = current_database() and state like 'idle in transaction%'";
    if database.url.starts_with("sqlite:") {
        return 0;
    }
    let mut connection = PgConnection::connect(&database.url).await.unwrap();
    let mut count = 0;
    // Transactions that are about to end get the time of some thousand queries.
    for _ in 0..3000 {
        count = sqlx::query_scalar(COUNT).fetch_one(&mut connection).await.unwrap();
        if count == 0 {
            break;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn no_connection_is_left_in_a_transaction() {
    on_both(async |database| {
        let store = Store::open(&database.url, 8, RULES.clock).await.unwrap();
        let anna = record(&store, entry()).await.unwrap().customer_id;
        for round in 0..8 {
            let mut callers = tokio::task::JoinSet::new();
            for caller in 0..8 {
                let store = store.clone();
                // From the first turn to one that is late enough.
                let turns = (round * 8 + caller) * 4;
                callers.spawn(async move {
                    within(turns, store.update_customer(change(anna))).await;
                    within(turns, record(&store, entry())).await;
                    within(
                        turns,
                        store.identify(vec![key()], Profile::default(), Origin::default()),
                    )
                    .await;
                });
            }
            callers.join_all().await;
            assert_eq!(left_in_a_transaction(database).await, 0);
        }
        record(&store, entry()).await.unwrap();
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_go_away_cost_nobody_anything() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
        let anna = record(&store, entry()).await.unwrap().customer_id;
        let mut callers = tokio::task::JoinSet::new();
        for seed in 0..CALLERS {
            callers.spawn(call(store.clone(), anna, seed));
        }
        let done = callers.join_all().await;

        // Whatever was acknowledged is stored, as seen by another store too.
        let other = Store::open(&database.url, 2, RULES.clock).await.unwrap();
        let (there, _) = timeline(&other, anna).await;
        let acknowledged: Vec<_> = done.iter().flat_map(|it| &it.acknowledged).collect();
        let given_up: Vec<_> = done.iter().flat_map(|it| &it.given_up).collect();
        assert!(acknowledged.len() >= 100 && given_up.len() >= 100);
        for recorded in acknowledged {
            assert!(there.contains(&recorded.entry_id), "an acknowledged entry is lost");
        }

        // And what was cancelled can be retried: each has happened once then.
        for entry in given_up {
            let again = record(&store, entry.clone()).await.unwrap();
            // It may still have been under way when the timeline was read.
            assert!(again.already_recorded || !there.contains(&again.entry_id));
        }
        for change in done.iter().flat_map(|it| &it.changes) {
            store.update_customer(change.clone()).await.unwrap();
        }
        let calls = CALLERS as usize * ROUNDS;
        let (there, revision) = timeline(&other, anna).await;
        assert_eq!(there.len(), 1 + calls);
        assert_eq!(usize::try_from(revision).unwrap(), 1 + 2 * calls);
        store.close().await;
        other.close().await;
    })
    .await;
}
