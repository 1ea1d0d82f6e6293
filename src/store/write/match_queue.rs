//! Records that wait to be compared with others.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::store::sql::bulk::{Batch, Column, Table};

static MATCH_QUEUE: Table = Table { name: "match_queue", columns: &["customer_id", "revision"] };

/// Queues records whose identity has changed for matching, with the revision of the change.
pub fn add_to_match_queue(batch: &mut Batch, changed: &BTreeMap<Uuid, i64>) {
    let (ids, revisions) = changed.iter().map(|(id, revision)| (*id, *revision)).unzip();
    batch.insert(&MATCH_QUEUE, vec![Column::Ids(ids), Column::Integers(revisions)]);
}
