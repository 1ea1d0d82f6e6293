//! Finds what other processes have written. Nothing is sent from one to the other: each asks for
//! the revisions of the records that somebody waits for here, by their keys. It makes every
//! wake-up that the writers of this process give a matter of speed alone.

use std::{collections::HashSet, sync::Arc, time::Duration};

use tokio::time::sleep;
use uuid::Uuid;

use super::Hub;
use crate::store::{db::Db, dialect::Twin};

/// How long it rests between two rounds.
const EVERY: Duration = Duration::from_millis(150);
/// How many records one statement asks for.
const CHUNK: usize = 1000;

/// The revisions of some records. $1: ids.
pub(super) const REVISIONS: Twin = Twin {
    sqlite: "select id, revision from customers \
        where id in (select unhex(value ->> 0) from json_each($1))",
    postgres: "select id, revision from customers where id = any($1)",
};

/// Asks for as long as somebody waits for a record.
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
                // Those who wait read for themselves from time to time, and tell their callers.
                Err(error) => tracing::debug!(%error, "revisions cannot be read"),
            }
        }
        sleep(EVERY).await;
    }
}
