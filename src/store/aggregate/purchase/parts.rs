//! The histories of orders in records: read, locked and written.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use super::event::order_event;
use crate::{
    error::Error,
    model::{OrderEntry, OrderHistory},
    store::{
        entry::payload,
        sql::{
            bulk::{Batch, Column, Table},
            db::Tx,
            dialect,
            json::to_json,
        },
        write::{
            orders::{ChangedOrder, OrderOf, OrderWrites},
            writes::WriteItem,
        },
    },
};

static ORDERS: Table = Table {
    name: "orders",
    columns: &["customer_id", "order_key", "bought_at", "entry_id", "recorded_at", "content"],
};

static PURCHASE_KEYS: Table =
    Table { name: "purchase_keys", columns: &["kind", "key", "customer_id", "order_key"] };

/// Reads the histories that the items may change, of the records that they may concern.
pub async fn load<'a>(
    tx: &mut Tx,
    items: impl Iterator<Item = (&'a WriteItem, &'a BTreeSet<Uuid>)>,
) -> Result<HashMap<OrderOf, OrderHistory>, Error> {
    let mut pairs = BTreeSet::new();
    for (item, records) in items {
        let event = item.entry.as_ref().and_then(|named| named.entry.order_event.as_ref());
        if let Some((key, _)) = event {
            pairs.extend(records.iter().map(|id| (*id, key.clone())));
        }
    }
    parts_of(tx, &pairs).await
}

/// The histories of some orders.
pub async fn parts_of(
    tx: &mut Tx,
    orders: &BTreeSet<OrderOf>,
) -> Result<HashMap<OrderOf, OrderHistory>, Error> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let pairs: Vec<_> = orders.iter().map(pair).collect();
    let rows: Vec<(Uuid, String, String)> = tx.by_pairs(dialect::ORDERS_BY_KEY, &pairs).await?;
    rows.into_iter().map(|(id, key, content)| Ok(((id, key), read(&content)?))).collect()
}

/// Writes changed histories. An existing row is removed and inserted again, so that any number of
/// them costs one additional statement.
pub async fn write(tx: &mut Tx, batch: &mut Batch, orders: OrderWrites) -> Result<(), Error> {
    let kept = orders.changed.iter().filter(|(_, changed)| changed.is_kept);
    let kept: Vec<_> = kept.map(|(order, _)| pair(order)).collect();
    if !kept.is_empty() {
        let _: Vec<(Uuid,)> = tx.by_pairs(dialect::REMOVE_ORDERS, &kept).await?;
    }
    add(batch, orders)
}

pub fn add(batch: &mut Batch, orders: OrderWrites) -> Result<(), Error> {
    let rows = orders.changed;
    let purchase = |changed: &ChangedOrder| {
        changed.part.purchase().map(|(entry, _)| (entry.at, entry.entry_id, entry.recorded_at))
    };
    let purchases: Vec<_> = rows.values().map(purchase).collect();
    let content = |it: &ChangedOrder| to_json(&it.part);
    let columns = vec![
        Column::Ids(rows.keys().map(|(id, _)| *id).collect()),
        Column::Texts(rows.keys().map(|(_, key)| key.clone()).collect()),
        Column::OptionalIntegers(purchases.iter().map(|it| it.map(|it| it.0)).collect()),
        Column::OptionalIds(purchases.iter().map(|it| it.map(|it| it.1)).collect()),
        Column::OptionalIntegers(purchases.iter().map(|it| it.map(|it| it.2)).collect()),
        Column::Texts(rows.values().map(content).collect::<Result<_, _>>()?),
    ];
    batch.insert(&ORDERS, columns);
    let keys = orders.keys;
    let columns = vec![
        Column::Texts(keys.iter().map(|it| it.0.to_owned()).collect()),
        Column::Texts(keys.iter().map(|it| it.1.clone()).collect()),
        Column::Ids(keys.iter().map(|it| it.2).collect()),
        Column::Texts(keys.iter().map(|it| it.3.clone()).collect()),
    ];
    batch.insert_missing(&PURCHASE_KEYS, columns);
    Ok(())
}

/// As a statement takes it.
pub fn pair((record, key): &OrderOf) -> (String, String) {
    (record.simple().to_string(), key.clone())
}

pub fn read(content: &str) -> Result<OrderHistory, Error> {
    serde_json::from_str(content)
        .map_err(|_| Error::Inconsistent { table: "orders", column: "content" })
}

/// The order entry of a stored entry; None if it is not about an order.
pub fn open(bytes: &[u8]) -> Result<Option<(OrderOf, OrderEntry)>, Error> {
    const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
    let micros = |at: prost_types::Timestamp| at.seconds * 1_000_000 + i64::from(at.nanos / 1000);
    let entry = payload::open(bytes)?;
    let entry_id: Uuid = entry.id.parse().map_err(|_| UNREADABLE)?;
    let record_id: Uuid = entry.customer_id.parse().map_err(|_| UNREADABLE)?;
    let Some((key, event)) = order_event(&entry, entry_id) else { return Ok(None) };
    let at = micros(entry.occurred_at.ok_or(UNREADABLE)?);
    let recorded_at = micros(entry.recorded_at.ok_or(UNREADABLE)?);
    Ok(Some(((record_id, key), OrderEntry { entry_id, at, recorded_at, event })))
}
