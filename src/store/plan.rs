//! What a batch of writes does to what is there: decided in memory, without SQL, once everything
//! that matters has been read under the locks.

use std::collections::{BTreeMap, HashMap, HashSet, hash_map::Entry};

use uuid::Uuid;

use super::payload::{Stamp, seal};
use crate::{
    clock::Clock,
    error::{Error, InvalidReason, Violation},
    model::{
        BodyHash, Conflict, Identifier, MAX_IDENTIFIERS, Micros, NewEntry, Profile, Target,
        WriteName,
    },
};

/// One thing to write: an entry, or the customer alone.
#[derive(Clone, Debug)]
pub struct Item {
    pub target: Target,
    /// Fills what is empty of the customer's profile.
    pub profile: Profile,
    pub entry: Option<NamedEntry>,
}

/// An entry with what makes a retry of it harmless.
#[derive(Clone, Debug)]
pub struct NamedEntry {
    pub entry: NewEntry,
    pub names: Vec<WriteName>,
    pub body: BodyHash,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Done {
    pub customer_id: Uuid,
    pub customer_created: bool,
    pub conflicts: Vec<Conflict>,
    /// Nothing for an item without an entry.
    pub entry: Option<EntryDone>,
}

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryDone {
    pub entry_id: Uuid,
    pub revision: i64,
    pub recorded_at: Micros,
    pub already_recorded: bool,
}

/// What is there, as far as the batch is concerned. Grows with what the batch writes, so that a
/// later item sees an earlier one.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The customer of each identifier key.
    pub owners: HashMap<String, Uuid>,
    /// The customers, all of them locked.
    pub customers: HashMap<Uuid, Held>,
    pub identifier_counts: HashMap<Uuid, usize>,
    pub ledger: HashMap<(String, String), LedgerRow>,
    pub purchases: HashSet<(Uuid, String)>,
    pub entries: HashSet<(Uuid, Uuid)>,
}

/// A customer whose row is locked.
#[derive(Clone, Debug)]
pub struct Held {
    pub revision: i64,
    /// As it is stored: JSON.
    pub profile: String,
}

/// An earlier write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    pub body: Vec<u8>,
    pub customer_id: Uuid,
    pub entry_id: Option<Uuid>,
    pub revision: i64,
    pub recorded_at: Micros,
    pub customer_created: bool,
}

/// The rows to write.
#[derive(Clone, Debug, Default)]
pub struct Writes {
    /// New customers with their last revision.
    pub created: BTreeMap<Uuid, i64>,
    /// Customers that were there, with their last revision.
    pub touched: BTreeMap<Uuid, i64>,
    /// The profiles that are new or other than before.
    pub profiles: BTreeMap<Uuid, Profile>,
    /// By key, so that two servers that add the same ones never wait for each other.
    pub identifiers: BTreeMap<String, (Uuid, Identifier)>,
    pub ledger: Vec<((String, String), LedgerRow)>,
    pub entries: Vec<EntryRow>,
}

/// A row of `entries` with what hangs on it.
#[derive(Clone, Debug)]
pub struct EntryRow {
    pub customer_id: Uuid,
    pub entry: NewEntry,
    pub payload: Vec<u8>,
}

/// Whom identifiers name.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The customer of the strongest identifier that names one.
    pub customer_id: Option<Uuid>,
    pub conflicts: Vec<Conflict>,
    /// The keys that name nobody yet.
    pub unknown: Vec<usize>,
}

/// Whom identifiers name, where `owners` knows the customer of each key.
pub fn choose(identifiers: &[Identifier], owners: &HashMap<String, Uuid>) -> Choice {
    let mut choice = Choice::default();
    let mut named = Vec::new();
    for (index, identifier) in identifiers.iter().enumerate() {
        match owners.get(&identifier.key()) {
            Some(customer_id) => named.push((identifier.kind, index, *customer_id)),
            None => choice.unknown.push(index),
        }
    }
    choice.customer_id = named.iter().min().map(|(_, _, customer_id)| *customer_id);
    for (_, index, customer_id) in named {
        if Some(customer_id) != choice.customer_id {
            choice.conflicts.push(Conflict { index, customer_id });
        }
    }
    choice
}

/// How many identifiers these are: a call may name one twice.
fn distinct(target: &Target, indices: &[usize]) -> usize {
    let Target::Identifiers(identifiers) = target else { return 0 };
    indices.iter().map(|index| identifiers[*index].key()).collect::<HashSet<_>>().len()
}

/// A batch being decided.
#[derive(Debug)]
pub struct Plan {
    pub known: Known,
    pub writes: Writes,
    clock: Clock,
    now: Micros,
}

impl Plan {
    pub fn new(known: Known, clock: Clock) -> Self {
        Self { known, writes: Writes::default(), clock, now: clock.now() }
    }

    /// When the batch is recorded.
    pub fn recorded_at(&self) -> Micros {
        self.now
    }

    /// Decides a command: all of its items or none.
    pub fn apply(&mut self, items: &[Item]) -> Result<Vec<Done>, Error> {
        if let [item] = items {
            // An item checks everything before it changes anything.
            return Ok(vec![self.apply_item(item)?]);
        }
        let before = (self.known.clone(), self.writes.clone());
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
                (self.known, self.writes) = before;
                Err(error)
            }
        }
    }

    fn apply_item(&mut self, item: &Item) -> Result<Done, Error> {
        let choice = match &item.target {
            Target::Customer(id) => Choice { customer_id: Some(*id), ..Choice::default() },
            Target::Identifiers(identifiers) => choose(identifiers, &self.known.owners),
        };
        if let Some(named) = &item.entry
            && let Some(row) = self.recorded_before(named)?
        {
            self.name_too(&row, named);
            return Ok(repeated(&row, &item.target, &self.known.owners));
        }
        let existing = choice.customer_id;
        if existing.is_some_and(|id| !self.known.customers.contains_key(&id)) {
            return Err(Error::CustomerNotFound);
        }
        let links = if choice.conflicts.is_empty() { choice.unknown } else { Vec::new() };
        let kept = existing.and_then(|id| self.known.identifier_counts.get(&id));
        let room = MAX_IDENTIFIERS.saturating_sub(kept.copied().unwrap_or(0));
        if links.len() > room && distinct(&item.target, &links) > room {
            return Err(Error::TooManyIdentifiers);
        }
        let filled = self.filled_profile(existing, &item.profile)?;
        if let Some(named) = &item.entry {
            self.check_references(existing, &named.entry)?;
        }

        // From here on nothing fails.
        let customer_id = existing.unwrap_or_else(|| self.clock.new_id());
        let changed = item.entry.is_some() || !links.is_empty() || filled.is_some();
        let revision = match existing {
            Some(id) if !changed => self.known.customers[&id].revision,
            _ => self.next_revision(customer_id, existing.is_none()),
        };
        if let Target::Identifiers(identifiers) = &item.target {
            for index in links {
                self.link(customer_id, &identifiers[index]);
            }
        }
        if let Some(profile) = filled {
            self.set_profile(customer_id, profile);
        }
        let entry = item
            .entry
            .as_ref()
            .map(|named| self.add_entry(customer_id, revision, named, existing.is_none()));
        let customer_created = existing.is_none();
        Ok(Done { customer_id, customer_created, conflicts: choice.conflicts, entry })
    }

    /// The earlier write of the same name, where the content is the same too.
    fn recorded_before(&self, named: &NamedEntry) -> Result<Option<LedgerRow>, Error> {
        let mut found = None;
        let mut violations = Vec::new();
        for name in &named.names {
            let Some(row) = self.known.ledger.get(&name.parts()) else { continue };
            if row.body == named.body && row.entry_id.is_some() {
                found = Some(row.clone());
            } else {
                violations.push(reused(name));
            }
        }
        if violations.is_empty() { Ok(found) } else { Err(Error::Invalid(violations)) }
    }

    /// Gives an earlier write the names that it did not have yet, so that they mean it from now on.
    fn name_too(&mut self, row: &LedgerRow, named: &NamedEntry) {
        for name in &named.names {
            if let Entry::Vacant(vacant) = self.known.ledger.entry(name.parts()) {
                self.writes.ledger.push((vacant.key().clone(), row.clone()));
                vacant.insert(row.clone());
            }
        }
    }

    /// The profile after the item, where it is another one.
    fn filled_profile(
        &self,
        existing: Option<Uuid>,
        new: &Profile,
    ) -> Result<Option<Profile>, Error> {
        let Some(id) = existing else { return Ok(Some(new.clone())) };
        if new.is_empty() {
            return Ok(None);
        }
        let mut profile = read_profile(&self.known.customers[&id].profile)?;
        let before = profile.clone();
        profile.fill_from(new);
        Ok((profile != before).then_some(profile))
    }

    fn check_references(&self, existing: Option<Uuid>, entry: &NewEntry) -> Result<(), Error> {
        let has = |order: &String| {
            existing.is_some_and(|id| self.known.purchases.contains(&(id, order.clone())))
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
        if let Some(reply_to) = entry.reply_to
            && !existing.is_some_and(|id| self.known.entries.contains(&(id, reply_to)))
        {
            let field = "entry.interaction.reply_to_entry_id".to_owned();
            return Err(Error::ReplyNotFound { field });
        }
        Ok(())
    }

    fn next_revision(&mut self, customer_id: Uuid, new: bool) -> i64 {
        let held = self
            .known
            .customers
            .entry(customer_id)
            .or_insert_with(|| Held { revision: 0, profile: "{}".to_owned() });
        held.revision += 1;
        if new || self.writes.created.contains_key(&customer_id) {
            self.writes.created.insert(customer_id, held.revision);
        } else {
            self.writes.touched.insert(customer_id, held.revision);
        }
        held.revision
    }

    fn link(&mut self, customer_id: Uuid, identifier: &Identifier) {
        let key = identifier.key();
        if self.known.owners.insert(key.clone(), customer_id).is_none() {
            *self.known.identifier_counts.entry(customer_id).or_default() += 1;
            self.writes.identifiers.insert(key, (customer_id, identifier.clone()));
        }
    }

    fn set_profile(&mut self, customer_id: Uuid, profile: Profile) {
        if let Some(held) = self.known.customers.get_mut(&customer_id) {
            held.profile = write_profile(&profile);
        }
        self.writes.profiles.insert(customer_id, profile);
    }

    fn add_entry(
        &mut self,
        customer_id: Uuid,
        revision: i64,
        named: &NamedEntry,
        customer_created: bool,
    ) -> EntryDone {
        let entry_id = named.entry.id;
        let recorded_at = self.now;
        let stamp = Stamp { entry_id, customer_id, revision, recorded_at };
        for name in &named.names {
            let row = LedgerRow {
                body: named.body.to_vec(),
                customer_id,
                entry_id: Some(entry_id),
                revision,
                recorded_at,
                customer_created,
            };
            self.known.ledger.insert(name.parts(), row.clone());
            self.writes.ledger.push((name.parts(), row));
        }
        if let Some(order) = &named.entry.purchase {
            self.known.purchases.insert((customer_id, order.clone()));
        }
        self.known.entries.insert((customer_id, entry_id));
        self.writes.entries.push(EntryRow {
            customer_id,
            payload: seal(stamp, &named.entry.content),
            entry: named.entry.clone(),
        });
        EntryDone { entry_id, revision, recorded_at, already_recorded: false }
    }
}

/// The answer to an item that has been recorded before.
fn repeated(row: &LedgerRow, target: &Target, owners: &HashMap<String, Uuid>) -> Done {
    let mut conflicts = Vec::new();
    if let Target::Identifiers(identifiers) = target {
        for (index, identifier) in identifiers.iter().enumerate() {
            if let Some(&customer_id) = owners.get(&identifier.key())
                && customer_id != row.customer_id
            {
                conflicts.push(Conflict { index, customer_id });
            }
        }
    }
    Done {
        customer_id: row.customer_id,
        customer_created: row.customer_created,
        conflicts,
        entry: row.entry_id.map(|entry_id| EntryDone {
            entry_id,
            revision: row.revision,
            recorded_at: row.recorded_at,
            already_recorded: true,
        }),
    }
}

/// A name that was given to another content.
fn reused(name: &WriteName) -> Violation {
    let (field, rule, reason) = match name {
        WriteName::Request(_) => {
            ("request_id", "was used before with another content", InvalidReason::RequestIdReused)
        }
        WriteName::Source { .. } => (
            "entry.source_ref",
            "names an entry with another content",
            InvalidReason::SourceRefReused,
        ),
    };
    Violation { reason, ..Violation::new(field, rule) }
}

/// The error of a command whose items have these: all broken rules together, else the first.
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

/// A profile as it is stored.
pub fn write_profile(profile: &Profile) -> String {
    // Texts and lists of texts: there is nothing in it that JSON cannot hold.
    serde_json::to_string(profile).unwrap_or_else(|_| "{}".to_owned())
}

/// A stored profile.
pub fn read_profile(json: &str) -> Result<Profile, Error> {
    serde_json::from_str(json)
        .map_err(|_| Error::Inconsistent { table: "customers", column: "profile" })
}
