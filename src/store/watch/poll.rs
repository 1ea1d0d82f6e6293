//! Detects writes of other processes. Processes do not notify each other: each polls the revisions
//! of the records that it watches, by their keys. Wake-ups by writers of this process are therefore
//! only an optimisation.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::sleep;
use uuid::Uuid;

use super::Hub;
use crate::store::sql::{
    db::Db,
    statement::{Twin, list_of},
};

/// The pause between two rounds.
const EVERY: Duration = Duration::from_millis(150);
/// How many records a statement reads.
const CHUNK: usize = 1000;

/// The revisions of records. $1: ids.
pub(super) const REVISIONS: Twin = list_of!(ids: "select id, revision from customers where id");

/// Polls while any record is watched.
pub async fn poll(db: Db, hub: Arc<Hub>) {
    loop {
        hub.begun().await;
        for records in hub.records().chunks(CHUNK) {
            let found: Result<Vec<(Uuid, i64)>, _> = db.by_ids(REVISIONS, records).await;
            match found {
                Ok(found) => {
                    let there: HashSet<Uuid> = found.iter().map(|(id, _)| *id).collect();
                    let gone = records.iter().filter(|id| !there.contains(*id));
                    hub.wake(gone.map(|id| (*id, i64::MAX)));
                    hub.wake(found.into_iter());
                }
                // Watches read for themselves from time to time, and report errors to their
                // callers.
                Err(error) => tracing::debug!(%error, "revisions cannot be read"),
            }
        }
        sleep(EVERY).await;
    }
}
