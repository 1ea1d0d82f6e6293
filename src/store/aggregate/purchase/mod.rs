//! Purchases. A row of `orders` is the history of an order from the entries of one customer record,
//! written with them under the lock of that record only. A person with several records has a row
//! for each record with entries about an order, and they are combined when they are read: so merges
//! and unmerges change nothing here, and no entry waits for the lock of another record.

mod event;
mod fill;
mod forget;
mod list;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::{
    domain::{purchase, serial::serial_key},
    error::Error,
    model::{OrderEntry, OrderHistory},
    store::{
        entry::payload,
        sql::{
            bulk::{Batch, Column, Table},
            db::Tx,
            dialect,
        },
        write::writes::WriteItem,
    },
};

pub use event::order_event;
pub(in crate::store) use event::own_key;
pub(in crate::store) use forget::forget;

/// The statements that are the same on both databases, by name.
pub const TEXTS: [(&str, &str); 6] = [
    ("purchase_keys.remove", forget::REMOVE_KEY),
    ("orders.list", list::LIST),
    ("purchases.find_by_key", list::FIND_BY_KEY),
    ("purchases.find_by_order", list::FIND_BY_ORDER),
    ("orders.entries", fill::ENTRIES),
    ("orders.list_entries", fill::LIST_ENTRIES),
];

static ORDERS: Table = Table {
    name: "orders",
    columns: &["customer_id", "order_key", "bought_at", "entry_id", "recorded_at", "content"],
};
static PURCHASE_KEYS: Table =
    Table { name: "purchase_keys", columns: &["kind", "key", "customer_id", "order_key"] };

/// A customer record and the key of an order.
pub type OrderOf = (Uuid, String);

/// The new history of an order in a record, and whether it has a row.
#[derive(Clone, Debug, Default)]
pub struct ChangedOrder {
    pub part: OrderHistory,
    pub is_kept: bool,
}

/// The writes to orders.
#[derive(Clone, Debug, Default)]
pub struct OrderWrites {
    pub changed: BTreeMap<OrderOf, ChangedOrder>,
    /// Kind, key, and the order that they identify.
    keys: BTreeSet<(&'static str, String, Uuid, String)>,
}

impl OrderWrites {
    /// The current history of an order in a record; `kept` has the stored ones.
    pub fn part<'a>(
        &'a self,
        kept: &'a HashMap<OrderOf, OrderHistory>,
        order: &OrderOf,
    ) -> Option<&'a OrderHistory> {
        self.changed.get(order).map(|it| &it.part).or_else(|| kept.get(order))
    }

    /// Adds an entry.
    pub fn tell(
        &mut self,
        kept: &HashMap<OrderOf, OrderHistory>,
        order: OrderOf,
        entry: OrderEntry,
    ) {
        let add = |kind, number: &str| {
            serial_key(number).map(|key| (kind, key, order.0, order.1.clone()))
        };
        self.keys.extend(entry.event.serial_numbers().filter_map(|number| add("serial", number)));
        self.keys.extend(entry.event.tracking_number().and_then(|number| add("tracking", number)));
        let changed = self.changed.entry(order).or_insert_with_key(|order| match kept.get(order) {
            Some(part) => ChangedOrder { part: part.clone(), is_kept: true },
            None => ChangedOrder::default(),
        });
        purchase::add(&mut changed.part, entry);
    }
}

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
async fn parts_of(
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
    add(batch, orders);
    Ok(())
}

fn add(batch: &mut Batch, orders: OrderWrites) {
    let rows = orders.changed;
    let purchase = |changed: &ChangedOrder| {
        changed.part.purchase().map(|(entry, _)| (entry.at, entry.entry_id, entry.recorded_at))
    };
    let purchases: Vec<_> = rows.values().map(purchase).collect();
    // Texts, numbers and lists of them: there is nothing in it that JSON cannot hold.
    let content = |it: &ChangedOrder| serde_json::to_string(&it.part).unwrap_or_default();
    let columns = vec![
        Column::Ids(rows.keys().map(|(id, _)| *id).collect()),
        Column::Texts(rows.keys().map(|(_, key)| key.clone()).collect()),
        Column::OptionalIntegers(purchases.iter().map(|it| it.map(|it| it.0)).collect()),
        Column::OptionalIds(purchases.iter().map(|it| it.map(|it| it.1)).collect()),
        Column::OptionalIntegers(purchases.iter().map(|it| it.map(|it| it.2)).collect()),
        Column::Texts(rows.values().map(content).collect()),
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
}

/// As a statement takes it.
fn pair((record, key): &OrderOf) -> (String, String) {
    (record.simple().to_string(), key.clone())
}

fn read(content: &str) -> Result<OrderHistory, Error> {
    serde_json::from_str(content)
        .map_err(|_| Error::Inconsistent { table: "orders", column: "content" })
}

/// The order entry of a stored entry; None if it is not about an order.
fn open(bytes: &[u8]) -> Result<Option<(OrderOf, OrderEntry)>, Error> {
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
