//! Servers that are killed while they answer: every answer is in the audit log, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::json;
use throughline::{clock::Clock, store::Store};
use tokio::task::JoinSet;
use tonic::{Code, transport::Endpoint};

use crate::{
    cli::process::{Running, serve_on},
    support::{Database, Services, TempFolder, dynamic, on_both},
};

use super::calls::rows;

const CALLERS: usize = 16;

/// The size of a test.
#[derive(Clone, Copy, Debug)]
struct Size {
    kills: usize,
    /// Between two kills.
    calls: usize,
}

/// Makes calls until the server is gone; returns which were answered.
async fn call(
    address: String,
    made: Arc<AtomicUsize>,
    is_answered: Arc<AtomicUsize>,
) -> Vec<String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut answered = Vec::new();
    let Ok(services) = endpoint.tcp_nodelay(true).connect().await else { return answered };
    let services = Services::new(services);
    let nobody = json!({"customer_id": "018f0000-0000-7000-8000-000000000001"});
    loop {
        let actor = format!("actor-{}", made.fetch_add(1, Ordering::SeqCst));
        let metadata = [("throughline-actor", actor.as_str())];
        let answer = dynamic::call(&services, "GetCustomer", nobody.clone(), &metadata).await;
        match answer.unwrap_err().code() {
            Code::NotFound => answered.push(actor),
            // Whether it took effect is unknown.
            _ => return answered,
        }
        is_answered.fetch_add(1, Ordering::SeqCst);
    }
}

async fn check(database: &Database, size: Size) {
    let folder = TempFolder::new();
    let url = format!("--database={}", database.url);
    let made = Arc::new(AtomicUsize::new(0));
    let mut answered = BTreeSet::new();
    for _ in 0..size.kills {
        let (mut server, address, log): (Running, String, _) = serve_on(&folder, &url, &[]);
        let is_answered = Arc::new(AtomicUsize::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            callers.spawn(call(address.clone(), Arc::clone(&made), Arc::clone(&is_answered)));
        }
        while is_answered.load(Ordering::SeqCst) < size.calls {
            tokio::task::yield_now().await;
        }
        server.kill();
        drop(log);
        for some in callers.join_all().await {
            answered.extend(some);
        }
    }
    let mut kept: BTreeMap<String, usize> = BTreeMap::new();
    for (_, actor, ..) in rows(database).await {
        *kept.entry(actor).or_default() += 1;
    }
    let missing: Vec<_> = answered.iter().filter(|actor| !kept.contains_key(*actor)).collect();
    assert_eq!(missing, [""; 0], "answered and not kept, of {}", answered.len());
    let doubled: Vec<_> = kept.iter().filter(|(_, count)| **count > 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    // Those without an answer.
    let unheard = kept.len() - answered.len();
    assert!(unheard <= size.kills * CALLERS, "{unheard}");
    println!(
        "{}: {} calls answered over {} kills, {} rows",
        database.name,
        answered.len(),
        size.kills,
        kept.len()
    );

    // Nobody has sealed them: the next process does.
    let store = Store::open(&database.url, 2, Clock::System).await.unwrap();
    store.seal_logs_before(i64::MAX).await.unwrap();
    let found = store.verify_audit(&[]).await.unwrap();
    assert_eq!((found.problems, found.unsealed), (Vec::new(), 0));
    assert_eq!((found.logs, found.audit_entries), (size.kills, kept.len() as u64));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_is_kept_however_a_server_ends() {
    on_both(async |database| check(database, Size { kills: 4, calls: 500 }).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "100,000 calls on each database: takes some minutes"]
async fn many_answers_are_kept_however_a_server_ends() {
    on_both(async |database| check(database, Size { kills: 20, calls: 5000 }).await).await;
}
