//! The audit log of a customer is listed in the same way whether it is sealed or not, page by page.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use throughline::{
    clock::{Clock, MovedClock},
    model::{AuditEntry, Position, StoredAuditEntry},
    server::Settings,
    store::Store,
};
use uuid::Uuid;

use super::owner::Owner;
use crate::{
    calls::account,
    identity::merge,
    random::Random,
    support::{Database, NOW, Server, on_both, settings},
};

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn access(at: i64, actor: String, customers: Vec<Uuid>) -> AuditEntry {
    AuditEntry {
        at,
        caller: "desk".to_owned(),
        actor,
        purpose: "service".to_owned(),
        call: "GetBriefing".to_owned(),
        data: "history".to_owned(),
        code: 0,
        customers,
        case_id: None,
    }
}

/// The audit log of a customer, in pages of this size.
async fn listed(store: &Store, customer: Uuid, limit: usize) -> Vec<StoredAuditEntry> {
    let mut all: Vec<StoredAuditEntry> = Vec::new();
    loop {
        let position =
            |kept: &StoredAuditEntry| Position { occurred_at: kept.access.at, entry_id: kept.id };
        let page =
            store.list_audit_entries(customer, all.last().map(position), limit).await.unwrap();
        if page.is_empty() {
            return all;
        }
        assert!(page.len() <= limit);
        all.extend(page);
    }
}

#[tokio::test]
async fn what_is_not_sealed_is_listed_like_what_is() {
    on_both(async |database| {
        let unkept = Settings { audit: None, ..settings(Clock::Fixed(NOW)) };
        let server = Server::start_with(database, unkept).await;
        let mut ids = Vec::new();
        for name in ["anna", "anna.old", "ben"] {
            let made = server.made(vec![account(name)]).await;
            ids.push(made.id);
        }
        server.customers.clone().merge_customers(merge(&ids[0], &ids[1])).await.unwrap();
        let customers: Vec<Uuid> = ids.iter().map(|id| id.parse().unwrap()).collect();

        // Three logs with rows of equal times: one closed, one sealed from time to time, and one
        // not sealed at all.
        let open = || Store::open(&database.url, 2, Clock::Fixed(NOW));
        let mut random = Random::new(17);
        let mut wanted: Vec<(i64, String)> = Vec::new();
        let mut stores = Vec::new();
        for log in 0..3 {
            let store = open().await.unwrap();
            for n in 0..60 {
                let mut about = customers.clone();
                about.retain(|_| random.one_in(2));
                about.sort_unstable();
                let call = format!("GetBriefing-{log}-{n}");
                // Some actors have the same name as the customer.
                let actor = match n % 3 {
                    0 => customers[0].to_string(),
                    _ => "agent-7".to_owned(),
                };
                let at = NOW + random.below(12) as i64;
                if about.contains(&customers[0]) || about.contains(&customers[1]) {
                    wanted.push((at, call.clone()));
                }
                let access = AuditEntry { call, ..access(at, actor, about) };
                store.add_audit_entry(access).await.unwrap();
                if log == 1 && n % 20 == 7 {
                    assert_eq!(store.seal_audit().await.unwrap().len(), 1);
                }
            }
            match log {
                0 => {
                    store.seal_last_audit(None).await;
                    store.close().await;
                }
                _ => stores.push(store),
            }
        }
        wanted.sort_unstable_by_key(|(at, _)| Reverse(*at));
        let times: Vec<i64> = wanted.iter().map(|(at, _)| *at).collect();
        let calls: BTreeSet<String> = wanted.into_iter().map(|(_, call)| call).collect();

        let first = listed(&stores[0], customers[0], 7).await;
        let seen: BTreeSet<String> = first.iter().map(|kept| kept.access.call.clone()).collect();
        assert_eq!(seen, calls);
        assert_eq!(first.iter().map(|kept| kept.access.at).collect::<Vec<_>>(), times);
        // Sealed in between or afterwards, by themselves or by others, the entries are the same in
        // the same order.
        stores[0].seal_audit().await.unwrap();
        assert_eq!(listed(&stores[1], customers[0], 50).await, first);
        let other = open().await.unwrap();
        assert_eq!(other.seal_logs_before(i64::MAX).await.unwrap().len(), 1);
        assert_eq!(listed(&other, customers[1], 13).await, first);
        for store in stores.into_iter().chain([other]) {
            store.close().await;
        }
        server.stop().await;
    })
    .await;
}

/// However busy the log is: what is on disk when it is sealed is in the seal.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_sealed_while_more_comes() {
    on_both(async |database| {
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..8)
            .map(|n| {
                let (store, is_over) = (store.clone(), Arc::clone(&is_over));
                tokio::spawn(async move {
                    while !is_over.load(Ordering::SeqCst) {
                        let access = access(NOW, format!("agent-{n}"), vec![Uuid::from_u128(n)]);
                        store.add_audit_entry(access).await.unwrap();
                    }
                })
            })
            .collect();
        let mut last = 0;
        for round in 0..40 {
            let kept = access(NOW, "ours".to_owned(), Vec::new());
            store.add_audit_entry(kept).await.unwrap();
            // Somewhere in the middle of another write.
            for _ in 0..round * 10 {
                tokio::task::yield_now().await;
            }
            let seals = store.seal_audit().await.unwrap();
            assert_eq!(seals.len(), 1);
            assert!(seals[0].sealed > last, "{} follows {last}", seals[0].sealed);
            last = seals[0].sealed;
        }
        is_over.store(true, Ordering::SeqCst);
        for task in busy {
            task.await.unwrap();
        }
        store.seal_last_audit(None).await;
        store.close().await;
        let store = Store::open(&database.url, 2, Clock::Fixed(NOW)).await.unwrap();
        let found = store.verify_audit(&[]).await.unwrap();
        assert_eq!((found.problems, found.logs, found.unsealed), (Vec::new(), 1, 0));
        store.close().await;
    })
    .await;
}

async fn open_logs(database: &Database) -> usize {
    let mut owner = Owner::of(database).await;
    owner.count("audit_heads where not is_closed").await
}

/// A log that nobody writes to is not checked for ever, and later rows are sealed too.
#[tokio::test]
async fn a_log_that_rests_is_closed() {
    on_both(async |database| {
        let clock: &'static MovedClock = Box::leak(Box::default());
        clock.begin(NOW, 1, 0);
        let store = Store::open(&database.url, 2, Clock::Moved(clock)).await.unwrap();
        let keep = async |store: &Store, actor: &str| {
            let access = access(NOW, actor.to_owned(), Vec::new());
            store.add_audit_entry(access).await.unwrap();
        };
        keep(&store, "one").await;
        assert_eq!(store.seal_audit().await.unwrap().len(), 1);
        clock.forward(HOUR);
        assert_eq!(store.seal_audit().await.unwrap(), []);
        assert_eq!(open_logs(database).await, 1, "an hour is not over");
        clock.forward(1);
        assert_eq!(store.seal_audit().await.unwrap(), []);
        assert_eq!(open_logs(database).await, 0);
        keep(&store, "two").await;
        assert_eq!(open_logs(database).await, 1, "another one");

        // A process that ends abruptly: the other seals what it left, and gives it up a day later.
        let gone = Store::open(&database.url, 2, Clock::Moved(clock)).await.unwrap();
        keep(&gone, "three").await;
        drop(gone);
        clock.forward(3 * MINUTE);
        assert_eq!(store.seal_audit().await.unwrap().len(), 2);
        clock.forward(DAY);
        keep(&store, "four").await;
        assert_eq!(store.seal_audit().await.unwrap().len(), 1);
        assert_eq!(open_logs(database).await, 3, "a day later it is another one again");
        clock.forward(3 * MINUTE);
        assert_eq!(store.seal_audit().await.unwrap(), []);
        assert_eq!(open_logs(database).await, 1);
        store.seal_last_audit(None).await;
        store.close().await;
        assert_eq!(open_logs(database).await, 0);

        let store = Store::open(&database.url, 2, Clock::Moved(clock)).await.unwrap();
        let found = store.verify_audit(&[]).await.unwrap();
        assert_eq!(found.problems, [""; 0]);
        assert_eq!((found.audit_entries, found.logs, found.unsealed), (4, 4, 0));
        store.close().await;
    })
    .await;
}
