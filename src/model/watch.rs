//! Watching a timeline.

use std::collections::BTreeMap;

use uuid::Uuid;

/// How far a watch has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The record that was named at first: the watch is of the customer whose record that is.
    pub customer_id: Uuid,
    /// The revision of each record up to which all entries were sent. Of a record that is not here
    /// none was.
    pub revisions: BTreeMap<Uuid, i64>,
}

/// Where a watch begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchStart {
    /// Behind what is recorded by now.
    Now(Uuid),
    /// Behind a revision of a customer who is one record; behind 0 of any.
    Behind(Uuid, i64),
    /// Where an earlier watch ended.
    Resume(ResumePoint),
}
