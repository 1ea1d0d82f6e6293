//! A transaction that records a batch: read and lock, decide, write.

mod cases;

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::plan::Plan;
use crate::{
    clock::Clock,
    domain::identifier_resolution::{Named, named},
    error::Error,
    model::{Claim, IdempotencyKey, Identifier, Target},
    store::{
        aggregate::purchase::parts,
        identity::{claims, customers, erased, person},
        privacy::erasure::Tombstones,
        sql::{
            bulk::{Batch, Column, Table},
            db::{Db, Tx},
            dialect,
        },
        watch::signals::Signals,
        write::{
            entries::{add_entries, add_to_cases},
            idempotency::add_idempotency_keys,
            writes::{
                Candidates, CustomerRecord, CustomerRow, EntryRow, Outcome, Snapshot, WriteItem,
                Writes,
            },
        },
    },
};

static PURCHASES: Table =
    Table { name: "purchases", columns: &["customer_id", "entry_id", "order_key"] };
static ORDER_ENTRIES: Table = Table {
    name: "order_entries",
    columns: &["customer_id", "order_key", "occurred_at", "entry_id"],
};

/// The result of a command: one outcome for each of its items, or why none was written.
pub type Answer = Result<Vec<Outcome>, Error>;

/// Records commands in one transaction. A refused command does not affect the others. `signals` are
/// notified of what was written.
pub async fn record(
    db: &Db,
    clock: Clock,
    commands: &[Vec<WriteItem>],
    signals: &Signals,
    tombstones: &Tombstones,
) -> Result<Vec<Answer>, Error> {
    let mut tx = db.begin().await?;
    let snapshot = load(&mut tx, commands, tombstones).await?;
    let mut plan = Plan::new(snapshot, clock);
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
/// that stays true until the commit. Claims are read before, to know whom to lock: if a customer
/// loses one meanwhile, its identity revision changes, and the batch is run again. Keys and claims
/// that another server adds meanwhile are detected by their unique indexes.
async fn load(
    tx: &mut Tx,
    commands: &[Vec<WriteItem>],
    tombstones: &Tombstones,
) -> Result<Snapshot, Error> {
    let items = || commands.iter().flatten();
    let mut snapshot = Snapshot::default();

    let keys: BTreeSet<String> = items().flat_map(|item| keys_of(&item.target)).collect();
    let read = claims::load(tx, keys).await?;
    snapshot.claims = read.claims;
    let candidates = candidates(items(), &snapshot.claims);
    let mut ids: BTreeSet<Uuid> =
        candidates.iter().flat_map(|found| &found.records).copied().collect();
    lock(tx, &ids, &mut snapshot).await?;
    if snapshot.customers.iter().any(|(id, customer)| {
        read.identity_revisions.get(id).is_some_and(|read| *read != customer.identity_revision)
    }) {
        return Err(Error::Conflict);
    }
    load_missing(tx, items().zip(&candidates), &mut snapshot).await?;

    let linking = candidates.iter().filter(|found| found.links);
    let counted: BTreeSet<Uuid> = linking.flat_map(|found| &found.records).copied().collect();
    if !counted.is_empty() {
        let ids: Vec<Uuid> = counted.into_iter().collect();
        let rows: Vec<(Uuid, i64)> = tx.by_ids(dialect::COUNT_IDENTIFIERS, &ids).await?;
        snapshot.identifier_counts =
            rows.into_iter().map(|(id, n)| (id, usize::try_from(n).unwrap_or(0))).collect();
    }
    load_records(tx, &mut snapshot).await?;
    ids.clear();
    for found in candidates.iter().filter(|found| found.compared) {
        ids.extend(&found.records);
    }
    claims::load_strong(tx, &ids, &mut snapshot).await?;
    claims::load_refused(tx, items(), &candidates, &mut snapshot).await?;
    load_earlier_writes(tx, items(), tombstones, &mut snapshot).await?;
    load_references(tx, items(), &candidates, &mut snapshot).await?;
    cases::load(tx, items(), &candidates, &mut snapshot).await?;
    let records = candidates.iter().map(|found| &found.records);
    snapshot.orders = parts::load(tx, items().zip(records)).await?;
    Ok(snapshot)
}

async fn lock(tx: &mut Tx, ids: &BTreeSet<Uuid>, snapshot: &mut Snapshot) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = ids.iter().copied().collect();
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &ids).await?;
    snapshot.customers = rows.into_iter().map(CustomerRecord::from_row).collect();
    Ok(())
}

/// The other records of merged persons.
async fn load_records(tx: &mut Tx, snapshot: &mut Snapshot) -> Result<(), Error> {
    let merged = snapshot.customers.values().filter(|it| it.is_merged());
    let persons: BTreeSet<Uuid> = merged.map(|it| it.person_id).collect();
    if !persons.is_empty() {
        snapshot.records = person::records(tx, persons).await?;
    }
    Ok(())
}

/// Which records that items name by id were erased. A record that an identifier named before the
/// locks, and that is gone under them, was erased meanwhile: the identifier must be resolved again.
async fn load_missing<'a>(
    tx: &mut Tx,
    items: impl Iterator<Item = (&'a WriteItem, &'a Candidates)>,
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
    let mut missing = Vec::new();
    for (item, found) in items {
        let gone = found.records.iter().filter(|id| !snapshot.customers.contains_key(*id));
        match item.target {
            Target::Customer(_) => missing.extend(gone),
            Target::Identifiers(_) if gone.count() > 0 => return Err(Error::Conflict),
            Target::Identifiers(_) => {}
        }
    }
    if !missing.is_empty() {
        snapshot.erased_customers = erased::among(tx, &missing).await?;
    }
    Ok(())
}

async fn load_earlier_writes<'a>(
    tx: &mut Tx,
    items: impl Iterator<Item = &'a WriteItem>,
    tombstones: &Tombstones,
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
    let mut names: Vec<(String, String)> = Vec::new();
    let mut keys = BTreeSet::new();
    for item in items {
        let of_entry = item.entry.iter().flat_map(|named| &named.names);
        names.extend(of_entry.map(IdempotencyKey::parts));
        if item.as_of.is_some() {
            keys.extend(keys_of(&item.target));
        }
    }
    if names.is_empty() && keys.is_empty() {
        return Ok(());
    }
    (snapshot.idempotency_keys, snapshot.erased) = tombstones.find(tx, &names, &keys).await?;
    let repeated = snapshot.idempotency_keys.values().map(|row| row.customer_id);
    let unknown = repeated.filter(|id| !snapshot.customers.contains_key(id));
    let unknown: BTreeSet<Uuid> = unknown.collect();
    if !unknown.is_empty() {
        let ids: Vec<Uuid> = unknown.into_iter().collect();
        snapshot.persons = tx.by_ids(dialect::PERSONS_BY_ID, &ids).await?.into_iter().collect();
    }
    Ok(())
}

/// The orders and entries that the items refer to.
async fn load_references(
    tx: &mut Tx,
    items: impl Iterator<Item = &WriteItem>,
    candidates: &[Candidates],
    snapshot: &mut Snapshot,
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
        for id in found.all_records(snapshot) {
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
        snapshot.purchases =
            tx.by_pairs(dialect::PURCHASES_BY_KEY, &pairs).await?.into_iter().collect();
    }
    if !replies.is_empty() {
        let pairs: Vec<_> = replies.into_iter().collect();
        snapshot.entries = tx.by_pairs(dialect::ENTRIES_BY_ID, &pairs).await?.into_iter().collect();
    }
    Ok(())
}

/// Goes through the items like the plan: one may concern a customer only because an earlier one
/// adds an identifier to it. Whether the earlier one succeeds is not known yet, so every possible
/// customer counts. Of an identifier that several people have, those count whom another identifier
/// of the item names.
fn candidates<'a>(
    items: impl Iterator<Item = &'a WriteItem>,
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
    add_idempotency_keys(&mut batch, writes.idempotency_keys);
    add_orders(&mut batch, &writes.entries);
    parts::write(tx, &mut batch, writes.orders).await?;
    add_to_cases(&mut batch, &writes.entries);
    add_entries(&mut batch, writes.entries);
    batch.write(tx).await
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
