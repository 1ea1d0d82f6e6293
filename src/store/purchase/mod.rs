//! Purchases. A row of `orders` is what the entries of one customer record tell of one order, and
//! is written with them under the lock of that record alone. A person of several records has as
//! many rows for an order as records that tell of it, and they are put together when they are
//! read: so a merge and its end change nothing here, and no entry waits for another record's lock.

mod fill;
mod forget;
mod list;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::{
    bulk::{Batch, Column, Table},
    db::Tx,
    dialect, payload,
    writes::Item,
};
use crate::{
    error::Error,
    model::{OrderPart, OrderTold},
    story::{purchase, serial::serial_key},
};

pub(super) use forget::forget;
pub use told::order_news;
pub(super) use told::own_key;

/// The statements that are the same on both databases, by their names.
pub(super) const TEXTS: [(&str, &str); 6] = [
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
pub(super) type OrderOf = (Uuid, String);

/// What the entries of a record tell of an order by now, and whether there is a row of it.
#[derive(Clone, Debug, Default)]
pub(super) struct ChangedOrder {
    pub part: OrderPart,
    pub is_kept: bool,
}

/// What is to be written of orders.
#[derive(Clone, Debug, Default)]
pub(super) struct OrderWrites {
    pub changed: BTreeMap<OrderOf, ChangedOrder>,
    /// Kind, key, and what they name.
    keys: BTreeSet<(&'static str, String, Uuid, String)>,
}

impl OrderWrites {
    /// What a record tells of an order by now; `kept` has what was read.
    pub fn part<'a>(
        &'a self,
        kept: &'a HashMap<OrderOf, OrderPart>,
        order: &OrderOf,
    ) -> Option<&'a OrderPart> {
        self.changed.get(order).map(|it| &it.part).or_else(|| kept.get(order))
    }

    /// Adds what an entry tells.
    pub fn tell(&mut self, kept: &HashMap<OrderOf, OrderPart>, order: OrderOf, told: OrderTold) {
        let add = |kind, number: &str| {
            serial_key(number).map(|key| (kind, key, order.0, order.1.clone()))
        };
        self.keys.extend(told.news.serial_numbers().filter_map(|number| add("serial", number)));
        self.keys.extend(told.news.tracking_number().and_then(|number| add("tracking", number)));
        let changed = self.changed.entry(order).or_insert_with_key(|order| match kept.get(order) {
            Some(part) => ChangedOrder { part: part.clone(), is_kept: true },
            None => ChangedOrder::default(),
        });
        purchase::add(&mut changed.part, told);
    }
}

/// Reads the rows that the items may change, of the records that they may be about.
pub(super) async fn load<'a>(
    tx: &mut Tx,
    items: impl Iterator<Item = (&'a Item, &'a BTreeSet<Uuid>)>,
) -> Result<HashMap<OrderOf, OrderPart>, Error> {
    let mut pairs = BTreeSet::new();
    for (item, records) in items {
        let news = item.entry.as_ref().and_then(|named| named.entry.news.as_ref());
        if let Some((key, _)) = news {
            pairs.extend(records.iter().map(|id| (*id, key.clone())));
        }
    }
    parts_of(tx, &pairs).await
}

/// The rows of some orders.
async fn parts_of(
    tx: &mut Tx,
    orders: &BTreeSet<OrderOf>,
) -> Result<HashMap<OrderOf, OrderPart>, Error> {
    if orders.is_empty() {
        return Ok(HashMap::new());
    }
    let pairs: Vec<_> = orders.iter().map(pair).collect();
    let rows: Vec<(Uuid, String, String)> = tx.by_pairs(dialect::ORDERS_BY_KEY, &pairs).await?;
    rows.into_iter().map(|(id, key, content)| Ok(((id, key), read(&content)?))).collect()
}

/// Writes the rows that have changed. A row that was there is taken away and made anew, so that
/// any number of them costs one statement more.
pub(super) async fn write(
    tx: &mut Tx,
    batch: &mut Batch,
    orders: OrderWrites,
) -> Result<(), Error> {
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
        changed.part.purchase().map(|(told, _)| (told.at, told.entry_id, told.recorded_at))
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

fn read(content: &str) -> Result<OrderPart, Error> {
    serde_json::from_str(content)
        .map_err(|_| Error::Inconsistent { table: "orders", column: "content" })
}

/// What an entry tells of an order, out of what its row holds; nothing where it tells of none.
fn open(bytes: &[u8]) -> Result<Option<(OrderOf, OrderTold)>, Error> {
    const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
    let micros = |at: prost_types::Timestamp| at.seconds * 1_000_000 + i64::from(at.nanos / 1000);
    let entry = payload::open(bytes)?;
    let entry_id: Uuid = entry.id.parse().map_err(|_| UNREADABLE)?;
    let record_id: Uuid = entry.customer_id.parse().map_err(|_| UNREADABLE)?;
    let Some((key, news)) = order_news(&entry, entry_id) else { return Ok(None) };
    let at = micros(entry.occurred_at.ok_or(UNREADABLE)?);
    let recorded_at = micros(entry.recorded_at.ok_or(UNREADABLE)?);
    Ok(Some(((record_id, key), OrderTold { entry_id, at, recorded_at, news })))
}
