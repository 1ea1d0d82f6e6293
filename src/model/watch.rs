//! Watches of a timeline.

use std::collections::BTreeMap;

use uuid::Uuid;

/// The position of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePoint {
    /// The record named at the start: the watch follows the customer that this record belongs to.
    pub customer_id: Uuid,
    /// The revision of each record up to which all entries were sent. Absent: none were sent.
    pub revisions: BTreeMap<Uuid, i64>,
}

/// The start of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchStart {
    /// After what is recorded by now.
    Now(Uuid),
    /// After a revision of a customer with a single record; 0 is allowed for any customer.
    Behind(Uuid, i64),
    /// Where an earlier watch ended.
    Resume(ResumePoint),
}
