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

use crate::store::sql::statement::Kind;

/// All statements by name, for the test that prepares them.
pub fn statements(kind: Kind) -> Vec<(&'static str, String)> {
    vec![
        ("live.revisions", poll::REVISIONS.on(kind).to_owned()),
        ("live.person", pages::PERSON.to_owned()),
        ("live.entries", pages::ENTRIES.to_owned()),
        ("live.fill", fill::LIST_ENTRIES.to_owned()),
    ]
}
