//! Streams that nobody reads: what they have read counts like a response.

use std::collections::BTreeMap;

use throughline::{api::budget::BudgetLimits, server::Settings};
use tonic_types::StatusExt as _;

use super::{MIB, NARROW, SHORT, begin, bounded, heads, large, per_connection};
use crate::{
    live::{watch, watch_all},
    support::{Server, on_both, raw::RawConnection},
};

const WATCH: &str = "/throughline.v1.TimelineService/WatchTimeline";
const WATCHES: usize = 20;

/// How unread watches with much data end, by reason.
async fn ends(server: &Server, customer_id: &str) -> BTreeMap<String, usize> {
    let mut connection = RawConnection::open(server.address, NARROW).await;
    let calls = begin(&mut connection, WATCH, &[], &watch_all(customer_id), WATCHES).await;
    let (watches, refused) = heads(calls).await;
    assert!(refused.is_empty());
    // They have all ended once others have all of their places.
    let mut timeline = server.timeline.clone();
    let mut others = Vec::new();
    while others.len() < WATCHES {
        others.extend(timeline.watch_timeline(watch(customer_id)).await);
    }
    let mut ends = BTreeMap::new();
    for watch in watches {
        let (_, status) = watch.take_status().await;
        let details = status.get_error_details();
        assert_ne!(details.error_info().unwrap().metadata["resume_token"], "");
        *ends.entry(details.error_info().unwrap().reason.clone()).or_default() += 1;
    }
    ends
}

#[tokio::test]
async fn watches_that_nobody_reads_hold_no_more_than_their_connection_may() {
    on_both(async |database| {
        let filling = Server::start(database).await;
        let anna = large(&filling, 12).await;
        filling.stop().await;
        for limits in [per_connection(MIB), BudgetLimits::NONE] {
            let mut settings: Settings = bounded(limits);
            settings.watches.send_timeout = SHORT;
            settings.watches.max_watches = WATCHES;
            let server = Server::start_with(database, settings).await;
            let ends = ends(&server, &anna).await;
            let refused = ends.get("TOO_MANY_BYTES").copied().unwrap_or(0);
            let slow = ends.get("SLOW_READER").copied().unwrap_or(0);
            assert_eq!(refused + slow, WATCHES, "{ends:?}");
            assert_eq!(refused > 0, limits != BudgetLimits::NONE, "{ends:?}");
            server.stop().await;
        }
    })
    .await;
}
