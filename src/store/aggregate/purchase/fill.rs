//! Fills `orders` with entries recorded before the table existed, once per database; and replays
//! purchases from their entries.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    list::resolve,
    parts::{open, parts_of, write},
};
use crate::{
    domain::purchase,
    error::Error,
    model::{Micros, OrderEntry, OrderHistory, PurchaseState},
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::Batch,
            db::{on_db, on_tx},
            dialect, settings,
        },
        write::{
            orders::{OrderOf, OrderWrites},
            writes::CustomerRow,
        },
    },
};

/// Entries in order, with the payload if it may be about an order.
pub(super) const LIST_ENTRIES: &str = "select customer_id, occurred_at, entry_id, \
    case when kind in ('purchase', 'return', 'order_change') then payload end \
    from entries where (customer_id, occurred_at, entry_id) > ($1, $2, $3) \
    order by customer_id, occurred_at, entry_id limit 500";
/// The entries of a record that may be about an order.
pub(super) const ENTRIES: &str = "select payload from entries where customer_id = $1 \
    and kind in ('purchase', 'return', 'order_change') order by occurred_at, entry_id limit $2";

/// The setting that records that the table is filled.
const FILLED: &str = "orders_filled";
/// How many entries purchases are replayed from.
const MAX_REPLAYED: i64 = 10_000;

type EntryRow = (Uuid, Micros, Uuid, Option<Vec<u8>>);

impl Store {
    /// Fills the table, unless that was done before. Other servers may write meanwhile: each entry
    /// is added once, under the lock of its record.
    pub(in crate::store) async fn fill_orders(&self) -> Result<(), Error> {
        let filled: Option<Vec<u8>> = on_db!(&self.db, |c| {
            sqlx::query_scalar(settings::GET).bind(FILLED).fetch_optional(c).await?
        });
        if filled.is_some() {
            return Ok(());
        }
        let mut after = (Uuid::nil(), Micros::MIN, Uuid::nil());
        loop {
            let page: Vec<EntryRow> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(LIST_ENTRIES).bind(after.0).bind(after.1).bind(after.2);
                query.fetch_all(c).await?
            });
            let Some(last) = page.last() else { break };
            after = (last.0, last.1, last.2);
            let mut entry = Vec::new();
            for payload in page.iter().filter_map(|row| row.3.as_ref()) {
                entry.extend(open(payload)?);
            }
            if entry.is_empty() {
                continue;
            }
            let store = self.clone();
            let run = move || {
                let (store, entry) = (store.clone(), entry.clone());
                async move { store.try_fill_orders(entry).await }
            };
            attempt(run).await.map_err(lost)?;
        }
        let mut tx = self.db.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query(settings::ADD).bind(FILLED).bind(Vec::from([1_u8])).execute(c).await?;
        });
        tx.commit().await
    }

    async fn try_fill_orders(&self, entry: Vec<(OrderOf, OrderEntry)>) -> Result<(), Error> {
        let records: BTreeSet<Uuid> = entry.iter().map(|((record, _), _)| *record).collect();
        let records: Vec<Uuid> = records.into_iter().collect();
        let mut tx = self.db.begin().await?;
        let _: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &records).await?;
        let orders: BTreeSet<OrderOf> = entry.iter().map(|(order, _)| order.clone()).collect();
        let kept = parts_of(&mut tx, &orders).await?;
        let mut writes = OrderWrites::default();
        for (order, entry) in entry {
            writes.add(&kept, order, entry);
        }
        let mut batch = Batch::default();
        write(&mut tx, &mut batch, writes).await?;
        batch.write(&mut tx).await?;
        tx.commit().await
    }

    /// Replays the purchases of a customer from the entries, without their stored rows, the last
    /// bought first.
    pub async fn replay_purchases(&self, customer_id: Uuid) -> Result<Vec<PurchaseState>, Error> {
        let mut parts: BTreeMap<OrderOf, OrderHistory> = BTreeMap::new();
        for record in self.records_of(customer_id).await? {
            let rows: Vec<(Vec<u8>,)> = on_db!(&self.db, |c| {
                sqlx::query_as(ENTRIES).bind(record).bind(MAX_REPLAYED).fetch_all(c).await?
            });
            for (payload,) in rows {
                if let Some((order, entry)) = open(&payload)? {
                    purchase::add(parts.entry(order).or_default(), entry);
                }
            }
        }
        Ok(resolve(parts, Micros::MAX, |_| Uuid::nil()))
    }
}
