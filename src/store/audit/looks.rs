//! Writes down by customer what a log holds: many at once and in their order, since each goes to
//! another place of the table, and a page of it that is changed once for many costs little.

use std::{mem, sync::Arc};

use uuid::Uuid;

use crate::{
    error::Error,
    store::{
        Store,
        attempt::{attempt, lost},
        bulk::{Batch, Column, Table},
        db::Db,
    },
};

static AUDIT_LOOKS: Table =
    Table { name: "audit_looks", columns: &["customer_id", "at", "log", "number"] };

/// How many looks are put in order at once.
const SORTED: usize = 65_536;
/// How many of them one transaction writes: calls wait for it on SQLite.
const WRITTEN: usize = 2048;

/// A look at a customer: who, when, and the number of the row.
type Look = (Uuid, i64, i64);

/// How far a log was followed: its rows up to a number, and the hash of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub number: i64,
    pub hash: [u8; 32],
}

impl Store {
    /// Writes the looks of a log behind where it was followed to and up to a number, and answers
    /// how far it goes. Those that are there stay: another server may have been at it.
    pub(super) async fn write_looks(
        &self,
        log: i64,
        mut reached: Reached,
        last: i64,
    ) -> Result<Reached, Error> {
        let mut looks = Vec::new();
        loop {
            let rows = self.log_rows(log, reached.number, last).await?;
            for row in &rows {
                looks.extend(row.customers().into_iter().map(|id| (id, row.at, row.number)));
                reached = Reached { number: row.number, hash: row.hash(&reached.hash) };
            }
            if rows.is_empty() || looks.len() >= SORTED {
                self.write_sorted(log, mem::take(&mut looks)).await?;
            }
            if rows.is_empty() {
                return Ok(reached);
            }
        }
    }

    async fn write_sorted(&self, log: i64, mut looks: Vec<Look>) -> Result<(), Error> {
        looks.sort_unstable();
        for some in looks.chunks(WRITTEN) {
            let (db, some) = (self.audit.clone(), Arc::new(some.to_vec()));
            attempt(move || write(db.clone(), log, Arc::clone(&some))).await.map_err(lost)?;
        }
        Ok(())
    }
}

async fn write(db: Db, log: i64, looks: Arc<Vec<Look>>) -> Result<(), Error> {
    let mut batch = Batch::default();
    let columns = vec![
        Column::Ids(looks.iter().map(|look| look.0).collect()),
        Column::Integers(looks.iter().map(|look| look.1).collect()),
        Column::Integers(vec![log; looks.len()]),
        Column::Integers(looks.iter().map(|look| look.2).collect()),
    ];
    batch.insert_missing(&AUDIT_LOOKS, columns);
    batch.write_alone(&db).await
}
