//! Callers that cancel a call half-way: the server continues, and what it has acknowledged is
//! stored.

use std::{collections::BTreeSet, future::Future};

use throughline::pb::timeline_service_client::TimelineServiceClient;

use crate::{
    audit::calls::rows,
    calls::{account, by, list, note},
    random::Random,
    support::{Server, on_both},
};

const CALLERS: u64 = 8;
const ROUNDS: usize = 50;

/// A call that is reset after a number of turns of the other tasks.
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

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_given_up_cost_nobody_anything() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.identified(vec![account("anna")]).await.customer.unwrap().id;
        let mut callers = tokio::task::JoinSet::new();
        for seed in 0..CALLERS {
            let mut client = TimelineServiceClient::new(server.connect().await);
            let anna = anna.clone();
            callers.spawn(async move {
                let mut random = Random::new(seed);
                let (mut acknowledged, mut given_up) = (Vec::new(), Vec::new());
                for round in 0..ROUNDS {
                    let call = by(vec![account("anna")], note("x"));
                    let turns = if round % 4 == 0 { usize::MAX } else { 1 << random.below(13) };
                    match within(turns, client.record_entry(call.clone())).await {
                        Some(answer) => acknowledged.push(answer.unwrap().into_inner()),
                        None => given_up.push(call),
                    }
                    let turns = 1 << random.below(13);
                    let read = within(turns, client.list_timeline(list(&anna))).await;
                    read.transpose().unwrap();
                }
                (acknowledged, given_up)
            });
        }
        let done = callers.join_all().await;
        let (acknowledged, given_up): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        let (acknowledged, given_up) = (acknowledged.concat(), given_up.concat());
        assert!(acknowledged.len() >= 100 && given_up.len() >= 100);

        let entries = server.timeline_of(&anna).await;
        let there: BTreeSet<_> = entries.into_iter().map(|entry| entry.id).collect();
        // Each call that took effect is stored, and so is each of those that follow.
        let made = there.len() + given_up.len();
        for recorded in &acknowledged {
            assert!(there.contains(&recorded.entry_id), "an acknowledged entry is lost");
        }
        for call in given_up {
            server.recorded(call).await;
        }
        let calls = usize::try_from(CALLERS).unwrap() * ROUNDS;
        assert_eq!(server.timeline_of(&anna).await.len(), calls);
        let customer = server.customer(&anna).await;
        assert_eq!(usize::try_from(customer.revision).unwrap(), 1 + calls);
        server.stop().await;
        let kept = rows(database).await.into_iter().filter(|row| row.3 == "RecordEntry").count();
        assert!(kept >= made, "{kept} of {made} are kept");
    })
    .await;
}
