//! PostgreSQL disconnects its clients during writes.

use std::collections::BTreeSet;

use sqlx::{Connection as _, PgConnection};
use throughline::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    clock::Clock,
    error::Error,
    model::{EntryFilter, Order, RecordEntry},
    pb,
    store::{PageRequest, Store},
};
use tokio::sync::mpsc;

use crate::{
    calls::{account, by, note},
    support::{Database, NOW},
};

const RULES: Rules = Rules::new(Clock::Fixed(NOW));
const CALLERS: usize = 8;
const ENTRIES: usize = 50;

const THROW_OUT: &str = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
    where datname = current_database() and pid <> pg_backend_pid()";

/// Records an entry, retrying until it is acknowledged; returns the number of failed tries.
async fn insist(store: &Store, record: RecordEntry) -> usize {
    let mut failed = 0;
    loop {
        match store.record(vec![record.clone()]).await {
            Ok(_) => return failed,
            Err(Error::Unavailable(_)) => failed += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_lose_and_double_nothing() {
    let Some(database) = Database::postgres().await else { return };
    let store = Store::open(&database.url, 4, RULES.clock).await.unwrap();
    let (done, mut recorded) = mpsc::unbounded_channel();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..CALLERS {
        let (store, done) = (store.clone(), done.clone());
        callers.spawn(async move {
            let mut failed = 0;
            for number in 0..ENTRIES {
                let who = format!("account-{}", (caller + number) % 3);
                let call = by(vec![account(who)], note("x"));
                let source_ref = call.entry.as_ref().unwrap().source_ref.clone();
                failed +=
                    insist(&store, validate::record(call, &RULES, &Actor::local()).unwrap()).await;
                done.send(source_ref).unwrap();
            }
            failed
        });
    }
    drop(done);
    let mut names = BTreeSet::new();
    let mut admin = PgConnection::connect(&database.url).await.unwrap();
    let mut thrown_out = 0_i64;
    while let Some(name) = recorded.recv().await {
        assert!(names.insert(name));
        if names.len() % 40 == 0 {
            let query = sqlx::query_scalar::<_, i64>(THROW_OUT);
            thrown_out += query.fetch_one(&mut admin).await.unwrap();
        }
    }
    let failed: usize = callers.join_all().await.into_iter().sum();
    assert!(thrown_out > 10, "{thrown_out} connections were cut");
    println!("{thrown_out} connections were cut, {failed} calls failed");

    // Over separate connections, as those of the first may still be dead.
    let other = Store::open(&database.url, 2, RULES.clock).await.unwrap();
    let mut there = BTreeSet::new();
    for number in 0..3 {
        let owner = account(format!("account-{number}"));
        let call = pb::GetCustomerRequest {
            customer: Some(pb::get_customer_request::Customer::Identifier(owner)),
        };
        let validate::CustomerRef::Identifier(owner) =
            validate::get_customer(&call, &RULES).unwrap()
        else {
            unreachable!()
        };
        let id = other.find_owner(&owner).await.unwrap().unwrap();
        let filter = EntryFilter::default();
        let request = PageRequest { filter, order: Order::NewestFirst, after: None, limit: 1000 };
        let page = other.list_timeline(id, &request).await.unwrap();
        assert_eq!(usize::try_from(page.revision).unwrap(), page.entries.len());
        let page: pb::ListTimelineResponse = prost::Message::decode(page.entries.bytes()).unwrap();
        for entry in page.entries {
            assert!(there.insert(entry.source_ref), "an entry is there twice");
        }
    }
    assert_eq!(there, names);
    store.close().await;
    other.close().await;
}
