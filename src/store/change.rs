//! A change of what is known of customers, on its way into the database: the entries that tell of
//! it, the revisions that it takes, and the name by which a retry finds it.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    bulk::Batch,
    claims,
    db::Tx,
    payload::{Stamp, identity_change, seal},
    reask_rate::{self, FactRow},
    record,
    writes::{EntryRow, Held, LedgerRow},
};
use crate::{
    error::{Error, InvalidReason, Violation},
    model::{Asked, EntryKind, IdentityChange, Micros, NewEntry, WriteName},
};

/// What a transaction changes.
#[derive(Debug)]
pub(super) struct Change<'a> {
    asked: &'a Asked,
    now: Micros,
    entries: Vec<EntryRow>,
    revisions: BTreeMap<Uuid, i64>,
    /// Records to be compared with others again.
    compare: BTreeMap<Uuid, i64>,
    facts: Vec<FactRow>,
}

impl<'a> Change<'a> {
    pub fn new(asked: &'a Asked, now: Micros) -> Self {
        Self {
            asked,
            now,
            entries: Vec::new(),
            revisions: BTreeMap::new(),
            compare: BTreeMap::new(),
            facts: Vec::new(),
        }
    }

    /// Takes the next revision of a record that is locked; once in a change, but for its entries.
    pub fn touch(&mut self, record: Uuid, held: &Held) -> i64 {
        *self.revisions.entry(record).or_insert(held.revision + 1)
    }

    /// The same, for a record that is to be compared with others again.
    pub fn compare(&mut self, record: Uuid, held: &Held) {
        let revision = self.touch(record, held);
        self.compare.insert(record, revision);
    }

    /// Tells of a change of who the customer is in the timeline of a record.
    pub fn tell(&mut self, record: Uuid, held: &Held, id: Uuid, change: &IdentityChange) {
        let content = identity_change(self.asked, self.now, change);
        let entry = NewEntry {
            id,
            occurred_at: self.now,
            kind: EntryKind::IdentityChange,
            channel: None,
            purchase: None,
            orders: Vec::new(),
            complaint: false,
            news: None,
            reply_to: None,
            case_id: None,
            words: String::new(),
            flags: Vec::new(),
            content,
        };
        self.add(record, held, entry);
    }

    /// Adds an entry to the timeline of a record, of a revision of its own, which is returned.
    pub fn add(&mut self, record: Uuid, held: &Held, entry: NewEntry) -> i64 {
        if self.entries.iter().any(|entry| entry.customer_id == record) {
            *self.revisions.entry(record).or_insert(held.revision) += 1;
        }
        let revision = self.touch(record, held);
        let recorded_at = self.now;
        let (entry_id, case_id) = (entry.id, entry.case_id);
        let stamp = Stamp { entry_id, customer_id: record, revision, recorded_at, case_id };
        let payload = seal(stamp, &entry.content);
        self.entries.push(EntryRow { customer_id: record, revision, payload, entry });
        revision
    }

    /// Counts a fact that was told or asked again.
    pub fn count_fact(&mut self, fact: FactRow) {
        self.facts.push(fact);
    }

    /// Writes it all, named by the request. `about` and `entry_id` are what a retry needs to know.
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
        claims::add_to_match_queue(&mut batch, &self.compare);
        let row = LedgerRow {
            body: self.asked.body.to_vec(),
            customer_id: about,
            entry_id,
            revision: self.revisions.get(&about).copied().unwrap_or(0),
            recorded_at: self.now,
            customer_created: false,
        };
        // What the clock does nobody has asked for, and nobody asks for again.
        if !self.asked.request_id.is_nil() {
            let name = WriteName::Request(self.asked.request_id).parts();
            record::add_to_ledger(&mut batch, vec![(name, row)]);
        }
        reask_rate::add(&mut batch, &self.facts);
        record::add_to_cases(&mut batch, &self.entries);
        record::add_entries(&mut batch, self.entries);
        batch.write(tx).await
    }
}

/// What an earlier call of the same name left, where it was the same call. Where there is none the
/// call is refused if it breaks a rule about time. Every write asks here, so that no rule that
/// hangs on the clock keeps a retry from what it did.
pub(super) async fn earlier(tx: &mut Tx, asked: &Asked) -> Result<Option<LedgerRow>, Error> {
    let name = WriteName::Request(asked.request_id).parts();
    let mut found = record::find_writes(tx, std::slice::from_ref(&name)).await?;
    match found.remove(&name) {
        Some(row) if row.body == asked.body => Ok(Some(row)),
        None => refuse_untimely(&asked.time_violations).map(|()| None),
        Some(_) => Err(reused()),
    }
}

/// Refuses a call that is the first of its name and breaks a rule about time.
pub(super) fn refuse_untimely(violations: &[Violation]) -> Result<(), Error> {
    if violations.is_empty() { Ok(()) } else { Err(Error::untimely(violations.to_vec())) }
}

/// What a call is told whose name another one has.
pub(super) fn reused() -> Error {
    let violation = Violation::new("request_id", "was used before with another content");
    let reason = InvalidReason::RequestIdReused;
    Error::Invalid(vec![Violation { reason, ..violation }])
}
