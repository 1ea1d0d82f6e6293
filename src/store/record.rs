//! One transaction that records a batch: read and lock, decide, write.

mod cases;
mod entries;

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

pub(super) use entries::add_entries;

use super::{
    bulk::{Batch, Column, Table},
    claims, customers,
    db::{Db, Tx},
    dialect,
    erasure::{self, Tombstones},
    person,
    plan::Plan,
    purchase,
    signals::Signals,
    writes::{CustomerRow, Done, EntryRow, Item, Known, LedgerRow, Writes, held},
};
use crate::{
    clock::Clock,
    error::Error,
    model::{Claim, Identifier, Target, WriteName},
    story::attribution::{Named, named},
};

static LEDGER: Table = Table {
    name: "ledger",
    columns: &[
        "scope",
        "name",
        "customer_id",
        "entry_id",
        "revision",
        "recorded_at",
        "customer_created",
        "body",
    ],
};
static PURCHASES: Table =
    Table { name: "purchases", columns: &["customer_id", "entry_id", "order_key"] };
static ORDER_ENTRIES: Table = Table {
    name: "order_entries",
    columns: &["customer_id", "order_key", "occurred_at", "entry_id"],
};

static CASE_ENTRIES: Table =
    Table { name: "case_entries", columns: &["customer_id", "case_id", "occurred_at", "entry_id"] };

/// The answer to one command: one line for each of its items, or why none was written.
pub type Answer = Result<Vec<Done>, Error>;

/// Records the commands in one transaction. A command that is refused leaves the others.
/// `signals` tell of what was written.
pub async fn record(
    db: &Db,
    clock: Clock,
    commands: &[Vec<Item>],
    signals: &Signals,
    tombstones: &Tombstones,
) -> Result<Vec<Answer>, Error> {
    let mut tx = db.begin().await?;
    let known = load(&mut tx, commands, tombstones).await?;
    let mut plan = Plan::new(known, clock);
    let answers = commands.iter().map(|items| plan.apply(items)).collect();
    let now = plan.recorded_at();
    let is_compared = !plan.writes.changed.is_empty();
    let revisions = plan.writes.touched.clone();
    write(&mut tx, plan.writes, now).await?;
    tx.commit().await?;
    signals.live.wake(revisions.into_iter());
    if is_compared {
        signals.queued.notify_one();
    }
    Ok(answers)
}

/// Reads what the commands depend on. The customers are locked first; what is read of them after
/// that stays true until the commit. Who claims what is read before, to know whom to lock: what is
/// taken from a customer meanwhile shows in the identity's revision, and the batch is run again.
/// Names and claims that another server adds meanwhile are found by their unique keys.
async fn load(
    tx: &mut Tx,
    commands: &[Vec<Item>],
    tombstones: &Tombstones,
) -> Result<Known, Error> {
    let items = || commands.iter().flatten();
    let mut known = Known::default();

    let keys: BTreeSet<String> = items().flat_map(|item| keys_of(&item.target)).collect();
    let read = claims::load(tx, keys).await?;
    known.claims = read.claims;
    let candidates = candidates(items(), &known.claims);
    let mut ids: BTreeSet<Uuid> =
        candidates.iter().flat_map(|found| &found.records).copied().collect();
    lock(tx, &ids, &mut known).await?;
    if known.customers.iter().any(|(id, held)| {
        read.identity_revisions.get(id).is_some_and(|read| *read != held.identity_revision)
    }) {
        return Err(Error::LostRace);
    }
    load_missing(tx, items().zip(&candidates), &mut known).await?;

    let linking = candidates.iter().filter(|found| found.links);
    let counted: BTreeSet<Uuid> = linking.flat_map(|found| &found.records).copied().collect();
    if !counted.is_empty() {
        let ids: Vec<Uuid> = counted.into_iter().collect();
        let rows: Vec<(Uuid, i64)> = tx.by_ids(dialect::COUNT_IDENTIFIERS, &ids).await?;
        known.identifier_counts =
            rows.into_iter().map(|(id, n)| (id, usize::try_from(n).unwrap_or(0))).collect();
    }
    load_records(tx, &mut known).await?;
    ids.clear();
    for found in candidates.iter().filter(|found| found.compared) {
        ids.extend(&found.records);
    }
    claims::load_strong(tx, &ids, &mut known).await?;
    claims::load_refused(tx, items(), &candidates, &mut known).await?;
    load_ledger(tx, items(), tombstones, &mut known).await?;
    load_references(tx, items(), &candidates, &mut known).await?;
    cases::load(tx, items(), &candidates, &mut known).await?;
    let records = candidates.iter().map(|found| &found.records);
    known.orders = purchase::load(tx, items().zip(records)).await?;
    Ok(known)
}

async fn lock(tx: &mut Tx, ids: &BTreeSet<Uuid>, known: &mut Known) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &ids).await?;
    known.customers = rows.into_iter().map(held).collect();
    Ok(())
}

/// The other records of people who have several.
async fn load_records(tx: &mut Tx, known: &mut Known) -> Result<(), Error> {
    let merged = known.customers.values().filter(|held| held.is_merged());
    let persons: BTreeSet<Uuid> = merged.map(|held| held.person_id).collect();
    if !persons.is_empty() {
        known.records = person::records(tx, persons).await?;
    }
    Ok(())
}

/// Which records that items name by id were erased. One that an identifier named before the locks
/// were had, and that is gone under them, was erased meanwhile: the identifier names somebody else.
async fn load_missing<'a>(
    tx: &mut Tx,
    items: impl Iterator<Item = (&'a Item, &'a Candidates)>,
    known: &mut Known,
) -> Result<(), Error> {
    let mut missing = Vec::new();
    for (item, found) in items {
        let gone = found.records.iter().filter(|id| !known.customers.contains_key(*id));
        match item.target {
            Target::Customer(_) => missing.extend(gone),
            Target::Identifiers(_) if gone.count() > 0 => return Err(Error::LostRace),
            Target::Identifiers(_) => {}
        }
    }
    if !missing.is_empty() {
        known.erased_customers = erasure::among(tx, &missing).await?;
    }
    Ok(())
}

async fn load_ledger<'a>(
    tx: &mut Tx,
    items: impl Iterator<Item = &'a Item>,
    tombstones: &Tombstones,
    known: &mut Known,
) -> Result<(), Error> {
    let mut names: Vec<(String, String)> = Vec::new();
    let mut keys = BTreeSet::new();
    for item in items {
        let of_entry = item.entry.iter().flat_map(|named| &named.names);
        names.extend(of_entry.map(WriteName::parts));
        if item.as_of.is_some() {
            keys.extend(keys_of(&item.target));
        }
    }
    if names.is_empty() && keys.is_empty() {
        return Ok(());
    }
    (known.ledger, known.erased) = tombstones.find(tx, &names, &keys).await?;
    let repeated = known.ledger.values().map(|row| row.customer_id);
    let unknown = repeated.filter(|id| !known.customers.contains_key(id));
    let unknown: BTreeSet<Uuid> = unknown.collect();
    if !unknown.is_empty() {
        let ids: Vec<Uuid> = unknown.into_iter().collect();
        known.persons = tx.by_ids(dialect::PERSONS_BY_ID, &ids).await?.into_iter().collect();
    }
    Ok(())
}

/// The earlier writes of these names.
pub(super) async fn find_writes(
    tx: &mut Tx,
    names: &[(String, String)],
) -> Result<HashMap<(String, String), LedgerRow>, Error> {
    type Row = (String, String, Vec<u8>, Uuid, Option<Uuid>, i64, i64, bool);
    let rows: Vec<Row> = tx.by_pairs(dialect::LEDGER_BY_NAME, names).await?;
    let rows = rows.into_iter().map(
        |(scope, name, body, customer_id, entry_id, revision, recorded_at, customer_created)| {
            let row =
                LedgerRow { body, customer_id, entry_id, revision, recorded_at, customer_created };
            ((scope, name), row)
        },
    );
    Ok(rows.collect())
}

/// The orders and entries that the items refer to.
async fn load_references(
    tx: &mut Tx,
    items: impl Iterator<Item = &Item>,
    candidates: &[Candidates],
    known: &mut Known,
) -> Result<(), Error> {
    let mut orders = BTreeSet::new();
    let mut replies = BTreeSet::new();
    for (item, found) in items.zip(candidates) {
        let Some(named) = &item.entry else { continue };
        if named.entry.orders.is_empty()
            && named.entry.purchase.is_none()
            && named.entry.reply_to.is_none()
        {
            continue;
        }
        for id in found.all_records(known) {
            let id = id.simple().to_string();
            for order in named.entry.orders.iter().chain(&named.entry.purchase) {
                orders.insert((id.clone(), order.clone()));
            }
            if let Some(entry) = named.entry.reply_to {
                replies.insert((id, entry.simple().to_string()));
            }
        }
    }
    if !orders.is_empty() {
        let pairs: Vec<_> = orders.into_iter().collect();
        known.purchases =
            tx.by_pairs(dialect::PURCHASES_BY_KEY, &pairs).await?.into_iter().collect();
    }
    if !replies.is_empty() {
        let pairs: Vec<_> = replies.into_iter().collect();
        known.entries = tx.by_pairs(dialect::ENTRIES_BY_ID, &pairs).await?.into_iter().collect();
    }
    Ok(())
}

/// Whom an item may turn out to be about.
pub(super) struct Candidates {
    pub records: BTreeSet<Uuid>,
    /// Whether the item may bring identifiers that the customer does not have.
    pub links: bool,
    /// Whether its identifiers may be of several people, who are to be compared.
    pub compared: bool,
}

impl Candidates {
    /// The records of the people whom the item may be about.
    pub fn all_records(&self, known: &Known) -> BTreeSet<Uuid> {
        let person_of = |id: &Uuid| known.customers.get(id).map(|held| held.person_id);
        let persons: BTreeSet<Uuid> = self.records.iter().filter_map(person_of).collect();
        let others = persons.iter().filter_map(|person| known.records.get(person)).flatten();
        self.records.iter().chain(others).copied().collect()
    }
}

/// Goes through the items as the plan will: one may be about a customer only since an earlier one
/// has given the customer a new identifier. Whether the earlier one succeeds is not known yet, so
/// every customer that the item may be about counts. Of an identifier that several people have
/// those count whom another identifier of the item names.
fn candidates<'a>(
    items: impl Iterator<Item = &'a Item>,
    claims: &HashMap<String, Vec<Claim>>,
) -> Vec<Candidates> {
    let mut possible: HashMap<String, BTreeSet<Uuid>> = HashMap::new();
    items
        .map(|item| match &item.target {
            Target::Customer(id) => {
                Candidates { records: BTreeSet::from([*id]), links: false, compared: false }
            }
            Target::Identifiers(identifiers) => {
                let keys: Vec<String> = identifiers.iter().map(Identifier::key).collect();
                let of_keys: Vec<&Claim> =
                    keys.iter().filter_map(|key| claims.get(key)).flatten().collect();
                let named = keys.iter().filter_map(|key| claims.get(key)).map(|c| named(c));
                let persons: BTreeSet<Uuid> = named
                    .filter_map(|named| match named {
                        Named::One { person_id, .. } => Some(person_id),
                        _ => None,
                    })
                    .collect();
                let mine = of_keys.iter().filter(|claim| persons.contains(&claim.person_id));
                let mut records: BTreeSet<Uuid> = mine.map(|claim| claim.customer_id).collect();
                records.extend(keys.iter().filter_map(|key| possible.get(key)).flatten());
                let links = keys.iter().any(|key| {
                    let claims = claims.get(key).map_or(&[][..], Vec::as_slice);
                    !claims.iter().any(|claim| records.contains(&claim.customer_id))
                });
                let compared = keys.len() > 1 && !records.is_empty();
                for key in keys {
                    possible.entry(key).or_default().extend(&records);
                }
                Candidates { records, links: links || persons.len() > 1, compared }
            }
        })
        .collect()
}

fn keys_of(target: &Target) -> Vec<String> {
    match target {
        Target::Customer(_) => Vec::new(),
        Target::Identifiers(identifiers) => {
            identifiers.iter().map(crate::model::Identifier::key).collect()
        }
    }
}

async fn write(tx: &mut Tx, mut writes: Writes, now: i64) -> Result<(), Error> {
    let mut batch = Batch::default();
    customers::write(tx, &mut batch, &writes, now).await?;
    claims::write(tx, &mut batch, &mut writes, now).await?;
    add_to_ledger(&mut batch, writes.ledger);
    add_orders(&mut batch, &writes.entries);
    purchase::write(tx, &mut batch, writes.orders).await?;
    add_to_cases(&mut batch, &writes.entries);
    add_entries(&mut batch, writes.entries);
    batch.write(tx).await
}

/// Adds the names of writes, in their order, so that two servers that add the same ones never wait
/// for each other.
pub(super) fn add_to_ledger(batch: &mut Batch, mut ledger: Vec<((String, String), LedgerRow)>) {
    ledger.sort_by(|one, other| one.0.cmp(&other.0));
    let (names, rows): (Vec<_>, Vec<_>) = ledger.into_iter().unzip();
    let (scopes, names): (Vec<String>, Vec<String>) = names.into_iter().unzip();
    let columns = vec![
        Column::Texts(scopes),
        Column::Texts(names),
        Column::Ids(rows.iter().map(|row| row.customer_id).collect()),
        Column::OptionalIds(rows.iter().map(|row| row.entry_id).collect()),
        Column::Integers(rows.iter().map(|row| row.revision).collect()),
        Column::Integers(rows.iter().map(|row| row.recorded_at).collect()),
        Column::Booleans(rows.iter().map(|row| row.customer_created).collect()),
        Column::Bytes(rows.into_iter().map(|row| row.body).collect()),
    ];
    batch.insert(&LEDGER, columns);
}

fn add_orders(batch: &mut Batch, rows: &[EntryRow]) {
    let purchases: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.customer_id, row.entry.purchase.clone()?, row.entry.id)))
        .collect();
    let columns = vec![
        Column::Ids(purchases.iter().map(|row| row.0).collect()),
        Column::Ids(purchases.iter().map(|row| row.2).collect()),
        Column::Texts(purchases.into_iter().map(|row| row.1).collect()),
    ];
    batch.insert(&PURCHASES, columns);

    let mut orders = Vec::new();
    for row in rows {
        let keys: BTreeSet<&String> = row.entry.orders.iter().chain(&row.entry.purchase).collect();
        orders.extend(keys.into_iter().map(|key| (row, key)));
    }
    let columns = vec![
        Column::Ids(orders.iter().map(|(row, _)| row.customer_id).collect()),
        Column::Texts(orders.iter().map(|(_, key)| (*key).clone()).collect()),
        Column::Integers(orders.iter().map(|(row, _)| row.entry.occurred_at).collect()),
        Column::Ids(orders.iter().map(|(row, _)| row.entry.id).collect()),
    ];
    batch.insert(&ORDER_ENTRIES, columns);
}

/// Adds the entries of cases to them.
pub(super) fn add_to_cases(batch: &mut Batch, rows: &[EntryRow]) {
    let rows: Vec<_> = rows.iter().filter_map(|row| Some((row, row.entry.case_id?))).collect();
    let columns = vec![
        Column::Ids(rows.iter().map(|(row, _)| row.customer_id).collect()),
        Column::Ids(rows.iter().map(|(_, case_id)| *case_id).collect()),
        Column::Integers(rows.iter().map(|(row, _)| row.entry.occurred_at).collect()),
        Column::Ids(rows.iter().map(|(row, _)| row.entry.id).collect()),
    ];
    batch.insert(&CASE_ENTRIES, columns);
}
