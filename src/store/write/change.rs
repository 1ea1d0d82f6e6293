//! A change of customer data on its way into the database: its entries, the revisions that it
//! takes, and the idempotency key by which a retry finds it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    entries,
    facts::{self, FactRow},
    idempotency, match_queue,
    writes::{CustomerRecord, EntryRow, IdempotencyRow},
};
use crate::{
    error::{Error, InvalidReason, Violation},
    model::{EntryKind, IdempotencyKey, IdentityChange, Micros, NewEntry, RequestContext},
    store::{
        entry::payload::{Stamp, identity_change, seal},
        sql::{bulk::Batch, db::Tx},
    },
};

/// The writes of a change.
#[derive(Debug)]
pub struct Change<'a> {
    context: &'a RequestContext,
    now: Micros,
    entries: Vec<EntryRow>,
    revisions: BTreeMap<Uuid, i64>,
    /// Records to compare with others again.
    compare: BTreeMap<Uuid, i64>,
    facts: Vec<FactRow>,
}

impl<'a> Change<'a> {
    pub fn new(context: &'a RequestContext, now: Micros) -> Self {
        Self {
            context,
            now,
            entries: Vec::new(),
            revisions: BTreeMap::new(),
            compare: BTreeMap::new(),
            facts: Vec::new(),
        }
    }

    /// Takes the next revision of a locked record; once per change, besides its entries.
    pub fn touch(&mut self, record: Uuid, current: &CustomerRecord) -> i64 {
        *self.revisions.entry(record).or_insert(current.revision + 1)
    }

    /// Takes the next revision of a record and queues it for matching.
    pub fn compare(&mut self, record: Uuid, current: &CustomerRecord) {
        let revision = self.touch(record, current);
        self.compare.insert(record, revision);
    }

    /// Records a change of identity in the timeline of a record.
    pub fn add_identity_entry(
        &mut self,
        record: Uuid,
        current: &CustomerRecord,
        id: Uuid,
        change: &IdentityChange,
    ) {
        let content = identity_change(self.context, self.now, change);
        let entry = NewEntry {
            id,
            occurred_at: self.now,
            kind: EntryKind::IdentityChange,
            channel: None,
            purchase: None,
            orders: Vec::new(),
            complaint: false,
            order_event: None,
            reply_to: None,
            case_id: None,
            words: String::new(),
            flags: Vec::new(),
            content,
        };
        self.add(record, current, entry);
    }

    /// Adds an entry to the timeline of a record with a revision of its own, which is returned.
    pub fn add(&mut self, record: Uuid, current: &CustomerRecord, entry: NewEntry) -> i64 {
        if self.entries.iter().any(|entry| entry.customer_id == record) {
            *self.revisions.entry(record).or_insert(current.revision) += 1;
        }
        let revision = self.touch(record, current);
        let recorded_at = self.now;
        let (entry_id, case_id) = (entry.id, entry.case_id);
        let stamp = Stamp { entry_id, customer_id: record, revision, recorded_at, case_id };
        let payload = seal(stamp, &entry.content);
        self.entries.push(EntryRow { customer_id: record, revision, payload, entry });
        revision
    }

    /// Counts a fact or a re-ask.
    pub fn count_fact(&mut self, fact: FactRow) {
        self.facts.push(fact);
    }

    /// Writes everything, under the idempotency key of the request. `about` and `entry_id` are what
    /// a retry needs.
    pub async fn write(
        self,
        tx: &mut Tx,
        about: Uuid,
        entry_id: Option<Uuid>,
    ) -> Result<(), Error> {
        let mut batch = Batch::default();
        for (record, revision) in &self.revisions {
            batch.set_revision(*record, *revision);
        }
        match_queue::add_to_match_queue(&mut batch, &self.compare);
        let row = IdempotencyRow {
            body: self.context.body.to_vec(),
            customer_id: about,
            entry_id,
            revision: self.revisions.get(&about).copied().unwrap_or(0),
            recorded_at: self.now,
            customer_created: false,
        };
        // Changes caused by the clock have no request and no retry.
        if !self.context.request_id.is_nil() {
            let name = IdempotencyKey::Request(self.context.request_id).parts();
            idempotency::add_idempotency_keys(&mut batch, vec![(name, row)]);
        }
        facts::add(&mut batch, &self.facts);
        entries::add_to_cases(&mut batch, &self.entries);
        entries::add_entries(&mut batch, self.entries);
        batch.write(tx).await
    }
}

/// The result of an earlier call with the same idempotency key and content. If there is none, the
/// call is refused if it violates a rule about time. Every write starts here, so that no rule about
/// time affects a retry.
pub async fn earlier(
    tx: &mut Tx,
    context: &RequestContext,
) -> Result<Option<IdempotencyRow>, Error> {
    let name = IdempotencyKey::Request(context.request_id).parts();
    let mut found = idempotency::find_writes(tx, std::slice::from_ref(&name)).await?;
    match found.remove(&name) {
        Some(row) if row.body == context.body => Ok(Some(row)),
        None => refuse_untimely(&context.time_violations).map(|()| None),
        Some(_) => Err(reused()),
    }
}

/// Refuses a first call that violates a rule about time.
pub fn refuse_untimely(violations: &[Violation]) -> Result<(), Error> {
    if violations.is_empty() { Ok(()) } else { Err(Error::untimely(violations.to_vec())) }
}

/// The error for an idempotency key that was used with other content.
pub fn reused() -> Error {
    let violation = Violation::new("request_id", "was used before with different content");
    let reason = InvalidReason::RequestIdReused;
    Error::Invalid(vec![Violation { reason, ..violation }])
}
