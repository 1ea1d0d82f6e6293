//! Merges and unmerges during a watch.

use std::collections::BTreeSet;

use throughline::pb::{self, identity_change::Change, watch_timeline_response::Event};

use super::{Watching, ids, resume, watch, watch_all};
use crate::{
    calls::{account, note, to},
    identity::{changes, merge},
    support::{Server, on_both},
};

async fn add(server: &Server, record: &str, text: &str) -> String {
    server.recorded(to(record, note(text))).await.entry_id
}

/// The entries up to one.
async fn until(watching: &mut Watching, id: &str) -> Vec<pb::Entry> {
    let mut entries = Vec::new();
    while entries.last().is_none_or(|last: &pb::Entry| last.id != id) {
        entries.push(watching.entry().await);
    }
    entries
}

fn set<'a>(ids: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    ids.into_iter().collect()
}

#[tokio::test]
async fn a_record_that_joins_comes_whole_and_one_that_leaves_falls_silent() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let anna = server.made(vec![account("anna")]).await;
        let other = server.made(vec![account("other")]).await;
        let of_anna = add(&server, &anna.id, "before the watch").await;
        let of_other = add(&server, &other.id, "before the merge").await;
        let mut watching = server.watching(watch(&anna.id)).await;
        let mut of_part = server.watching(watch_all(&other.id)).await;
        assert_eq!(watching.caught_up().await, []);
        assert_eq!(ids(&of_part.caught_up().await), [of_other.as_str()]);

        let merged = server.merged(merge(&anna.id, &other.id)).await.merge.unwrap();
        let entries = until(&mut watching, &merged.id).await;
        assert_eq!(ids(&entries), [of_other.as_str(), &merged.id]);
        let records = [anna.id.clone(), other.id.clone()];
        assert_eq!(watching.customer.record_ids, records);
        // A watch of the other record now watches the merged customer.
        let entries = [of_part.entry().await, of_part.entry().await];
        let told = [of_anna.as_str(), &merged.id];
        assert_eq!(set(ids(&entries)), set(told));
        assert_eq!(of_part.customer, watching.customer);

        let both = [add(&server, &other.id, "x").await, add(&server, &anna.id, "y").await];
        for watching in [&mut watching, &mut of_part] {
            let entries = [watching.entry().await, watching.entry().await];
            assert_eq!(set(ids(&entries)), set(both.iter().map(String::as_str)));
        }

        server.unmerged(&merged.id).await;
        let entries = [watching.entry().await];
        let [(Change::Unmerged, _)] = changes(&entries)[..] else { panic!("{entries:?}") };
        assert_eq!(entries[0].customer_id, anna.id);
        assert_eq!(of_part.entry().await.customer_id, other.id);
        let apart = add(&server, &other.id, "apart").await;
        let kept = add(&server, &anna.id, "kept").await;
        assert_eq!(watching.entry().await.id, kept);
        assert_eq!(watching.customer.record_ids, records[..1]);
        assert_eq!(of_part.entry().await.id, apart);
        assert_eq!(of_part.customer.customer_id, other.id);

        // After another merge it continues where it stopped, and nothing is sent twice.
        let again = server.merged(merge(&anna.id, &other.id)).await.merge.unwrap();
        let entries = until(&mut watching, &again.id).await;
        assert!(ids(&entries).contains(&apart.as_str()));
        assert!(entries.iter().all(|entry| entry.customer_id == other.id));
        assert_eq!(entries.len(), 3, "the unmerge, what was added apart, the merge");
        server.stop().await;
    })
    .await;
}

/// For every token of a watch through merges: what was sent before and after it is everything,
/// once.
#[tokio::test]
async fn no_token_loses_or_repeats_what_merges_bring() {
    on_both(async |database| {
        let server = Server::start(database).await;
        let mut records = Vec::new();
        for name in ["anna", "bea", "cor"] {
            let made = server.made(vec![account(name)]).await;
            for number in 0..3 {
                add(&server, &made.id, &format!("{name} {number}")).await;
            }
            records.push(made.id);
        }
        let mut watching = server.watching(watch_all(&records[0])).await;
        let first = watching.token.clone();
        let entries = watching.caught_up().await;
        let mut sent: Vec<String> = entries.into_iter().map(|entry| entry.id).collect();
        let mut tokens = vec![(0, first), (sent.len(), watching.token.clone())];
        for other in &records[1..] {
            let merged = server.merged(merge(&records[0], other)).await.merge.unwrap();
            while sent.last() != Some(&merged.id) {
                if let Event::Entry(entry) = watching.event().await.unwrap() {
                    sent.push(entry.id);
                }
                tokens.push((sent.len(), watching.token.clone()));
            }
        }
        let last = add(&server, &records[2], "the last").await;
        sent.push(watching.entry().await.id);
        assert_eq!(sent.last(), Some(&last));
        let timeline = server.timeline_of(&records[0]).await;
        assert_eq!(timeline.len(), 12);
        let all = set(ids(&timeline));
        assert_eq!(set(sent.iter().map(String::as_str)), all);

        for (count, token) in tokens {
            let call = resume(&records[0], &token);
            let mut resumed = Watching::begin(&server.timeline, call).await;
            let rest = resumed.caught_up().await;
            let before = sent[..count].iter().map(String::as_str);
            assert_eq!(rest.len() + count, 12, "no gap and no double");
            assert_eq!(set(before.chain(ids(&rest))), all);
        }
        server.stop().await;
    })
    .await;
}
