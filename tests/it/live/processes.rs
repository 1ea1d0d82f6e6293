//! Two servers of one database, each of which sees what the other one writes.

use super::watch;
use crate::{
    calls::{account, note, to},
    identity::{link, merge},
    support::{Server, on_both},
};

#[tokio::test]
async fn what_another_server_writes_comes_too() {
    on_both(async |database| {
        let (one, two) = (Server::start(database).await, Server::start(database).await);
        let anna = one.made(vec![account("anna")]).await;
        let other = one.made(vec![account("other")]).await;
        let mut at_one = one.watching(watch(&anna.id)).await;
        let mut at_two = two.watching(watch(&anna.id)).await;
        for round in 0..6 {
            let writer = if round % 2 == 0 { &one } else { &two };
            let made = writer.recorded(to(&anna.id, note("x"))).await;
            assert_eq!(at_one.entry().await.id, made.entry_id);
            assert_eq!(at_two.entry().await.id, made.entry_id);
        }
        let merged = two.merged(merge(&anna.id, &other.id)).await.merge.unwrap();
        assert_eq!(at_one.entry().await.id, merged.id);
        assert_eq!(at_one.customer.record_ids, [anna.id.clone(), other.id.clone()]);
        // The merged record is watched too.
        let made = two.recorded(to(&other.id, note("x"))).await;
        assert_eq!(at_one.entry().await.id, made.entry_id);
        let linked = two.linked(link(&anna.id, account("second"))).await;
        assert_eq!(linked.customer_id, anna.id);
        assert_eq!(at_one.entry().await.customer_id, anna.id);
        one.stop().await;
        two.stop().await;
    })
    .await;
}
