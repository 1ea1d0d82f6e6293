//! However many calls unauthenticated callers make, the calls of others are audited, and so is what
//! waits at the end.

use futures_util::FutureExt as _;
use throughline::{clock::Clock, error::Error, model::AuditEntry, store::Store};

use super::calls::rows;
use crate::{
    blocked::BlockedWrites,
    support::{NOW, on_both},
};

/// More than may be queued, of unknown callers.
const MANY: usize = 10_000;

#[tokio::test]
async fn what_waits_is_kept_before_the_end() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap();
        let blocked = BlockedWrites::of_audit(database).await;
        let mut waiting = Vec::new();
        for _ in 0..3 {
            let mut kept = Box::pin(store.add_audit_entry(access("shop")));
            assert!((&mut kept).now_or_never().is_none());
            waiting.push(kept);
            // The writer takes the first one, and is blocked.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        let mut closing = Box::pin(store.close());
        assert!((&mut closing).now_or_never().is_none());
        blocked.release().await;
        closing.await;
        for kept in waiting {
            kept.await.unwrap();
        }
        assert_eq!(rows(database).await.len(), 3);
    })
    .await;
}

fn access(caller: &str) -> AuditEntry {
    AuditEntry {
        at: NOW,
        caller: caller.to_owned(),
        actor: caller.to_owned(),
        purpose: String::new(),
        call: "GetCustomer".to_owned(),
        data: "identity".to_owned(),
        code: 0,
        customers: Vec::new(),
        case_id: None,
    }
}

#[tokio::test]
async fn strangers_leave_room_for_the_calls_of_others() {
    on_both(async |database| {
        let store = Store::open(&database.url, 4, Clock::Fixed(NOW)).await.unwrap();
        // Nothing is written for a while.
        let blocked = BlockedWrites::of_audit(database).await;
        let mut waiting = Vec::new();
        let mut shed = 0;
        for _ in 0..MANY {
            let mut kept = Box::pin(store.add_audit_entry(access("")));
            match (&mut kept).now_or_never() {
                None => waiting.push(kept),
                Some(answer) => {
                    assert_eq!(answer, Err(Error::Overloaded));
                    shed += 1;
                }
            }
        }
        assert!(shed > MANY / 2 && !waiting.is_empty(), "{shed}");
        let mut known: Vec<_> =
            (0..4096).map(|_| Box::pin(store.add_audit_entry(access("shop")))).collect();
        assert!(known.iter_mut().all(|kept| kept.now_or_never().is_none()));
        blocked.release().await;
        let strangers = waiting.len();
        for kept in waiting.into_iter().chain(known) {
            kept.await.unwrap();
        }
        // There is room for strangers again.
        store.add_audit_entry(access("")).await.unwrap();
        store.close().await;
        let rows = rows(database).await;
        let of = |caller: &str| rows.iter().filter(|row| row.0 == caller).count();
        assert_eq!((of("shop"), of("")), (4096, strangers + 1));
    })
    .await;
}
