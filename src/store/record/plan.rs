//! Decides what a batch of writes does: in memory and without SQL, once everything relevant has
//! been read under the locks.

mod cases;
mod claims;

use std::collections::hash_map::Entry;

use uuid::Uuid;

use crate::{
    clock::Clock,
    domain::{
        identifier_resolution::{self, Choice, Evidence, Named},
        purchase,
    },
    error::{Error, InvalidReason, Violation},
    model::{
        Conflict, IdempotencyKey, MAX_IDENTIFIERS, Micros, NewEntry, OrderEntry, StoredProfile,
        Target,
    },
    store::{
        entry::payload::{Stamp, seal},
        write::{
            change,
            writes::{
                CustomerRecord, EntryOutcome, EntryRow, IdempotencyRow, NamedEntry, Outcome,
                ResolvedCustomer, Snapshot, WriteItem, Writes, read_profile, write_profile,
            },
        },
    },
};

/// A batch being decided.
#[derive(Debug)]
pub struct Plan {
    pub snapshot: Snapshot,
    pub writes: Writes,
    clock: Clock,
    now: Micros,
}

impl Plan {
    pub fn new(snapshot: Snapshot, clock: Clock) -> Self {
        Self { snapshot, writes: Writes::default(), clock, now: clock.now() }
    }

    /// The recording time of the batch.
    pub fn recorded_at(&self) -> Micros {
        self.now
    }

    /// Decides a command: all of its items or none.
    pub fn apply(&mut self, items: &[WriteItem]) -> Result<Vec<Outcome>, Error> {
        if let [item] = items {
            // An item checks everything before it changes anything.
            return Ok(vec![self.apply_item(item)?]);
        }
        let before = (self.snapshot.clone(), self.writes.clone());
        let mut done = Vec::with_capacity(items.len());
        let mut errors = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match self.apply_item(item) {
                Ok(one) => done.push(one),
                Err(error) => errors.push(error.within(&format!("requests[{index}]."))),
            }
        }
        match combine(errors) {
            None => Ok(done),
            Some(error) => {
                (self.snapshot, self.writes) = before;
                Err(error)
            }
        }
    }

    fn apply_item(&mut self, item: &WriteItem) -> Result<Outcome, Error> {
        let choice = match &item.target {
            Target::Customer(id) => Choice { record_id: Some(*id), ..Choice::default() },
            Target::Identifiers(identifiers) => {
                let evidence =
                    Evidence { claims: &self.snapshot.claims, strong: &self.snapshot.strong };
                identifier_resolution::choose(identifiers, evidence)
            }
        };
        if let Some(named) = &item.entry {
            if let Some(row) = self.recorded_before(named)? {
                self.name_too(&row, named);
                return Ok(self.repeated(&row, &item.target));
            }
            change::refuse_untimely(&named.time_violations)?;
        }
        if choice.ambiguous {
            return self.ambiguous(item);
        }
        let existing = choice.record_id;
        self.check_erased(existing, item)?;
        // Entries are recorded for restricted customers too; anything else is processing.
        let restricted = existing.is_some_and(|id| self.snapshot.customers[&id].restricted);
        if restricted && item.entry.is_none() {
            return Err(Error::CustomerRestricted);
        }
        let kept = existing.and_then(|id| self.snapshot.identifier_counts.get(&id));
        let room = MAX_IDENTIFIERS.saturating_sub(kept.copied().unwrap_or(0));
        if choice.links.len() > room {
            return Err(Error::TooManyIdentifiers);
        }
        let filled = self.filled_profile(existing, item)?;
        if let Some(named) = &item.entry {
            self.check_references(existing, &named.entry)?;
            self.check_case(existing, named.case)?;
        }

        // Nothing fails from here on.
        let record_id = existing.unwrap_or_else(|| self.clock.new_id());
        let identity = !choice.links.is_empty()
            || !choice.upgrades.is_empty()
            || self.refuses_more(record_id, &item.target, &choice);
        let changed = item.entry.is_some() || filled.is_some() || identity;
        let revision = match existing {
            Some(id) if !changed => self.snapshot.customers[&id].revision,
            _ => self.next_revision(record_id, existing.is_none()),
        };
        let person_id = self.snapshot.customers[&record_id].person_id;
        if identity || filled.is_some() {
            self.writes.changed.insert(record_id, revision);
        }
        if let Target::Identifiers(identifiers) = &item.target {
            self.claim(record_id, person_id, identifiers, &choice, &item.origin);
        }
        if let Some((profile, stored)) = filled {
            self.set_profile(record_id, profile, stored);
        }
        let resolved = ResolvedCustomer { record_id, person_id, created: existing.is_none() };
        let entry = item.entry.as_ref().map(|named| self.add_entry(resolved, revision, named));
        let Choice { conflicts, .. } = choice;
        Ok(Outcome { resolved: Some(resolved), conflicts, candidates: Vec::new(), entry })
    }

    /// The customer of an item must exist, and an erased customer must not come back: nobody has
    /// the identifiers, and the item is from before the erasure.
    fn check_erased(&self, existing: Option<Uuid>, item: &WriteItem) -> Result<(), Error> {
        match (existing, &item.target) {
            (Some(id), _) if self.snapshot.customers.contains_key(&id) => Ok(()),
            (Some(id), _) if self.snapshot.erased_customers.contains(&id) => {
                Err(Error::CustomerErased)
            }
            (None, Target::Identifiers(identifiers)) => {
                let erased = identifiers.iter().filter_map(|identifier| {
                    self.snapshot.erased.identifiers.get(&identifier.key()).copied()
                });
                match (item.as_of, erased.max()) {
                    (Some(as_of), Some(erased_at)) if as_of <= erased_at => {
                        Err(Error::CustomerErased)
                    }
                    _ => Ok(()),
                }
            }
            _ => Err(Error::CustomerNotFound),
        }
    }

    /// The result of an item whose customer is ambiguous.
    fn ambiguous(&self, item: &WriteItem) -> Result<Outcome, Error> {
        let Target::Identifiers(identifiers) = &item.target else {
            return Err(Error::CustomerNotFound);
        };
        if item.entry.is_some() {
            return Err(Error::IdentifierAmbiguous);
        }
        let candidates = identifier_resolution::candidates(identifiers, &self.snapshot.claims);
        Ok(Outcome { resolved: None, conflicts: Vec::new(), candidates, entry: None })
    }

    /// The earlier write with the same idempotency key, if the content is the same.
    fn recorded_before(&self, named: &NamedEntry) -> Result<Option<IdempotencyRow>, Error> {
        let mut found = None;
        let mut violations = Vec::new();
        for name in &named.names {
            let name_parts = name.parts();
            if self.snapshot.erased.names.contains(&name_parts) {
                return Err(Error::CustomerErased);
            }
            let Some(row) = self.snapshot.idempotency_keys.get(&name_parts) else { continue };
            let is_there = self.snapshot.customers.contains_key(&row.customer_id)
                || self.snapshot.persons.contains_key(&row.customer_id);
            // A row that was written while the customer was erased; the second step of the erasure
            // removes it.
            if !is_there && !row.customer_id.is_nil() {
                return Err(Error::CustomerErased);
            }
            if row.body == named.body && row.entry_id.is_some() {
                found = Some(row.clone());
            } else {
                violations.push(reused(name));
            }
        }
        if violations.is_empty() { Ok(found) } else { Err(Error::Invalid(violations)) }
    }

    /// Adds further idempotency keys to an earlier write, so that they refer to it from now on.
    fn name_too(&mut self, row: &IdempotencyRow, named: &NamedEntry) {
        for name in &named.names {
            if let Entry::Vacant(vacant) = self.snapshot.idempotency_keys.entry(name.parts()) {
                self.writes.idempotency_keys.push((vacant.key().clone(), row.clone()));
                vacant.insert(row.clone());
            }
        }
    }

    /// The profile after the item, and how it is stored, if it changes.
    fn filled_profile(
        &self,
        existing: Option<Uuid>,
        item: &WriteItem,
    ) -> Result<Option<(StoredProfile, String)>, Error> {
        let before = match existing {
            None => StoredProfile::default(),
            Some(_) if item.profile.is_empty() => return Ok(None),
            Some(id) => read_profile(&self.snapshot.customers[&id].profile)?,
        };
        let mut profile = before.clone();
        let created_at = existing.map_or(self.now, |id| self.snapshot.customers[&id].created_at);
        profile.fill_from(&item.profile, &item.origin, self.now, created_at);
        if existing.is_some() && profile == before {
            return Ok(None);
        }
        let stored = write_profile(&profile)?;
        Ok(Some((profile, stored)))
    }

    fn check_references(&self, existing: Option<Uuid>, entry: &NewEntry) -> Result<(), Error> {
        let records = existing.map_or(Vec::new(), |id| self.records_of(id));
        let has = |order: &String| {
            records.iter().any(|id| self.snapshot.purchases.contains(&(*id, order.clone())))
        };
        if entry.purchase.as_ref().is_some_and(has) {
            let field = "entry.purchase.order_number".to_owned();
            return Err(Error::OrderNumberTaken { field });
        }
        for (index, order) in entry.orders.iter().enumerate() {
            if !has(order) && entry.purchase.as_ref() != Some(order) {
                let field = format!("entry.order_numbers[{index}]");
                return Err(Error::PurchaseNotFound { field });
            }
        }
        if let (Some(record), Some((key, event))) = (existing, &entry.order_event)
            && let order = (record, key.clone())
            && let Some(history) = self.writes.orders.part(&self.snapshot.orders, &order)
            && !purchase::has_room(history, event)
        {
            return Err(Error::PurchaseFull);
        }
        if let Some(reply_to) = entry.reply_to
            && !records.iter().any(|id| self.snapshot.entries.contains(&(*id, reply_to)))
        {
            let field = "entry.interaction.reply_to_entry_id".to_owned();
            return Err(Error::ReplyNotFound { field });
        }
        Ok(())
    }

    /// The records of the person of a record.
    fn records_of(&self, record_id: Uuid) -> Vec<Uuid> {
        let person = self.snapshot.customers.get(&record_id).map(|it| it.person_id);
        let records = person.and_then(|person| self.snapshot.records.get(&person));
        records.cloned().unwrap_or_else(|| vec![record_id])
    }

    fn next_revision(&mut self, record_id: Uuid, new: bool) -> i64 {
        let record = self
            .snapshot
            .customers
            .entry(record_id)
            .or_insert_with(|| CustomerRecord::new(record_id, self.now));
        record.revision += 1;
        if new || self.writes.created.contains_key(&record_id) {
            self.writes.created.insert(record_id, record.revision);
        } else {
            self.writes.touched.insert(record_id, record.revision);
        }
        record.revision
    }

    fn set_profile(&mut self, customer_id: Uuid, profile: StoredProfile, stored: String) {
        if let Some(record) = self.snapshot.customers.get_mut(&customer_id) {
            record.profile = stored;
        }
        self.writes.profiles.insert(customer_id, profile);
    }

    fn add_entry(
        &mut self,
        resolved: ResolvedCustomer,
        revision: i64,
        named: &NamedEntry,
    ) -> EntryOutcome {
        let customer_id = resolved.record_id;
        let entry_id = named.entry.id;
        let recorded_at = self.now;
        let (case_id, probable_cases) = self.choose_case(customer_id, named);
        let stamp = Stamp { entry_id, customer_id, revision, recorded_at, case_id };
        for name in &named.names {
            let row = IdempotencyRow {
                body: named.body.to_vec(),
                customer_id,
                entry_id: Some(entry_id),
                revision,
                recorded_at,
                customer_created: resolved.created,
            };
            self.snapshot.idempotency_keys.insert(name.parts(), row.clone());
            self.writes.idempotency_keys.push((name.parts(), row));
        }
        if let Some(order) = &named.entry.purchase {
            self.snapshot.purchases.insert((customer_id, order.clone()));
        }
        if let Some((key, event)) = named.entry.order_event.clone() {
            let order_entry =
                OrderEntry { entry_id, at: named.entry.occurred_at, recorded_at, event };
            self.writes.orders.add(&self.snapshot.orders, (customer_id, key), order_entry);
        }
        self.snapshot.entries.insert((customer_id, entry_id));
        self.writes.entries.push(EntryRow {
            customer_id,
            revision,
            payload: seal(stamp, &named.entry.content),
            entry: NewEntry { case_id, ..named.entry.clone() },
        });
        let already_recorded = false;
        EntryOutcome { entry_id, revision, recorded_at, already_recorded, case_id, probable_cases }
    }

    /// The result of an item that was recorded before.
    fn repeated(&self, row: &IdempotencyRow, target: &Target) -> Outcome {
        let record_id = row.customer_id;
        let person_id = self.snapshot.customers.get(&record_id).map(|it| it.person_id);
        let person_id = person_id.or_else(|| self.snapshot.persons.get(&record_id).copied());
        let person_id = person_id.unwrap_or(record_id);
        let mut conflicts = Vec::new();
        if let Target::Identifiers(identifiers) = target {
            for (index, identifier) in identifiers.iter().enumerate() {
                let claims = self.snapshot.claims.get(&identifier.key());
                if let Some(Named::One { person_id: customer_id, .. }) =
                    claims.map(|claims| identifier_resolution::named(claims))
                    && customer_id != person_id
                {
                    conflicts.push(Conflict { index, customer_id });
                }
            }
        }
        let entry = row.entry_id.map(|entry_id| EntryOutcome {
            entry_id,
            revision: row.revision,
            recorded_at: row.recorded_at,
            already_recorded: true,
            case_id: None,
            probable_cases: Vec::new(),
        });
        let resolved = ResolvedCustomer { record_id, person_id, created: row.customer_created };
        Outcome { resolved: Some(resolved), conflicts, candidates: Vec::new(), entry }
    }
}

/// The violation for an idempotency key that was used with other content.
fn reused(name: &IdempotencyKey) -> Violation {
    let (field, rule, reason) = match name {
        IdempotencyKey::Request(_) => {
            ("request_id", "was used before with different content", InvalidReason::RequestIdReused)
        }
        IdempotencyKey::Source { .. } => (
            "entry.source_ref",
            "names an entry with different content",
            InvalidReason::SourceRefReused,
        ),
    };
    Violation { reason, ..Violation::new(field, rule) }
}

/// Combines the errors of the items of a command: all violations together, otherwise the first
/// error.
fn combine(errors: Vec<Error>) -> Option<Error> {
    let mut violations = Vec::new();
    let mut first = None;
    for error in errors {
        match error {
            Error::Invalid(more) => violations.extend(more),
            other => first = first.or(Some(other)),
        }
    }
    if violations.is_empty() { first } else { Some(Error::Invalid(violations)) }
}
