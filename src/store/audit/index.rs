//! The audit index by customer. It is written in sorted batches, since each row goes to another
//! place of the table, and a page that is changed once for many rows is cheap.

use std::{mem, sync::Arc};

use uuid::Uuid;

use crate::{
    error::Error,
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::{Batch, Column, Table},
            db::Db,
        },
    },
};

static AUDIT_INDEX: Table =
    Table { name: "audit_index", columns: &["customer_id", "at", "log", "number"] };

/// How many rows are sorted at once.
const SORTED: usize = 65_536;
/// How many rows a transaction writes; on SQLite calls wait for it.
const WRITTEN: usize = 2048;

/// A row of the index: customer, time, and the number of the row in its log.
type IndexRow = (Uuid, i64, i64);

/// How far a log was read: the number of its last row, and the hash up to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reached {
    pub number: i64,
    pub hash: [u8; 32],
}

impl Store {
    /// Indexes a log from where it was read to up to a number, and returns how far it goes.
    /// Existing rows stay: another server may have written them.
    pub(super) async fn write_index(
        &self,
        log: i64,
        mut reached: Reached,
        last: i64,
    ) -> Result<Reached, Error> {
        let mut rows_of_log = Vec::new();
        loop {
            let rows = self.log_rows(log, reached.number, last).await?;
            for row in &rows {
                rows_of_log.extend(row.customers().into_iter().map(|id| (id, row.at, row.number)));
                reached = Reached { number: row.number, hash: row.hash(&reached.hash) };
            }
            if rows.is_empty() || rows_of_log.len() >= SORTED {
                self.write_sorted(log, mem::take(&mut rows_of_log)).await?;
            }
            if rows.is_empty() {
                return Ok(reached);
            }
        }
    }

    async fn write_sorted(&self, log: i64, mut rows_of_log: Vec<IndexRow>) -> Result<(), Error> {
        rows_of_log.sort_unstable();
        for some in rows_of_log.chunks(WRITTEN) {
            let (db, some) = (self.audit.clone(), Arc::new(some.to_vec()));
            attempt(move || write(db.clone(), log, Arc::clone(&some))).await.map_err(lost)?;
        }
        Ok(())
    }
}

async fn write(db: Db, log: i64, rows_of_log: Arc<Vec<IndexRow>>) -> Result<(), Error> {
    let mut batch = Batch::default();
    let columns = vec![
        Column::Ids(rows_of_log.iter().map(|row| row.0).collect()),
        Column::Integers(rows_of_log.iter().map(|row| row.1).collect()),
        Column::Integers(vec![log; rows_of_log.len()]),
        Column::Integers(rows_of_log.iter().map(|row| row.2).collect()),
    ];
    batch.insert_missing(&AUDIT_INDEX, columns);
    batch.write_alone(&db).await
}
