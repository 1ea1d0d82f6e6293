//! The revisions of records, each with its entry.

use uuid::Uuid;

use super::writes::EntryRow;
use crate::{
    model::Micros,
    store::sql::bulk::{Batch, Column, Table},
};

static ENTRY_REVISIONS: Table = Table {
    name: "entry_revisions",
    columns: &["customer_id", "revision", "occurred_at", "entry_id"],
};

/// A row that maps a revision of a record to its entry.
#[derive(Clone, Copy, Debug)]
pub struct EntryRevision {
    pub customer_id: Uuid,
    pub revision: i64,
    pub occurred_at: Micros,
    pub entry_id: Uuid,
}

impl EntryRevision {
    pub fn of(row: &EntryRow) -> Self {
        Self {
            customer_id: row.customer_id,
            revision: row.revision,
            occurred_at: row.entry.occurred_at,
            entry_id: row.entry.id,
        }
    }
}

/// Adds the rows of new entries.
pub fn add(batch: &mut Batch, rows: Vec<EntryRevision>) {
    batch.insert(&ENTRY_REVISIONS, columns(rows));
}

/// Adds the rows that do not exist.
pub fn add_missing(batch: &mut Batch, rows: Vec<EntryRevision>) {
    batch.insert_missing(&ENTRY_REVISIONS, columns(rows));
}

fn columns(rows: Vec<EntryRevision>) -> Vec<Column> {
    vec![
        Column::Ids(rows.iter().map(|row| row.customer_id).collect()),
        Column::Integers(rows.iter().map(|row| row.revision).collect()),
        Column::Integers(rows.iter().map(|row| row.occurred_at).collect()),
        Column::Ids(rows.into_iter().map(|row| row.entry_id).collect()),
    ]
}
