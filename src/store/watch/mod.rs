//! Watches of timelines: new entries of a customer in the order in which they were recorded.
//!
//! The order within a record is that of its revisions: writers lock its row, so that whoever sees
//! one revision sees all before it. A position stays valid across merges, servers and restarts.

mod fill;
mod hub;
mod pages;
mod poll;
pub mod signals;

pub use hub::Hub;
pub use pages::{MAX_PAGE_BYTES, Person, Watch, WatchedEntry};
pub use poll::poll;

use uuid::Uuid;

use crate::{
    model::Micros,
    store::{
        sql::{
            bulk::{Batch, Column, Table},
            dialect::Kind,
        },
        write::writes::EntryRow,
    },
};

static ENTRY_REVISIONS: Table = Table {
    name: "entry_revisions",
    columns: &["customer_id", "revision", "occurred_at", "entry_id"],
};

/// A row that maps a revision of a record to its entry.
#[derive(Clone, Copy, Debug)]
pub struct EntryRevision {
    customer_id: Uuid,
    revision: i64,
    occurred_at: Micros,
    entry_id: Uuid,
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
fn add_missing(batch: &mut Batch, rows: Vec<EntryRevision>) {
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

/// All statements by name, for the test that prepares them.
pub fn statements(kind: Kind) -> Vec<(&'static str, String)> {
    vec![
        ("live.revisions", poll::REVISIONS.on(kind).to_owned()),
        ("live.person", pages::PERSON.to_owned()),
        ("live.entries", pages::ENTRIES.to_owned()),
        ("live.fill", fill::LIST_ENTRIES.to_owned()),
    ]
}
