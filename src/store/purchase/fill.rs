//! Fills `orders` with what was recorded before it was there, once for a database; and tells
//! purchases again from their entries.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{OrderOf, OrderWrites, list::tell, open, parts_of, write};
use crate::{
    error::Error,
    model::{Micros, OrderPart, OrderTold, PurchaseState},
    store::{
        Store,
        attempt::{attempt, lost},
        bulk::Batch,
        db::{on_db, on_tx},
        dialect, settings,
        writes::CustomerRow,
    },
    story::purchase,
};

/// Entries in their order, with what those hold that may tell of an order.
pub(super) const LIST_ENTRIES: &str = "select customer_id, occurred_at, entry_id, \
    case when kind in ('purchase', 'return', 'order_change') then payload end \
    from entries where (customer_id, occurred_at, entry_id) > ($1, $2, $3) \
    order by customer_id, occurred_at, entry_id limit 500";
/// What a record's entries hold that may tell of an order.
pub(super) const ENTRIES: &str = "select payload from entries where customer_id = $1 \
    and kind in ('purchase', 'return', 'order_change') order by occurred_at, entry_id limit $2";

/// The setting that says that the table is filled.
const FILLED: &str = "orders_filled";
/// How many entries purchases are told again from.
const MAX_RETOLD: i64 = 10_000;

type EntryRow = (Uuid, Micros, Uuid, Option<Vec<u8>>);

impl Store {
    /// Fills the table, unless that has been done. Other servers may write meanwhile: what an entry
    /// tells is added under the lock of its record, and once.
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
            let mut told = Vec::new();
            for payload in page.iter().filter_map(|row| row.3.as_ref()) {
                told.extend(open(payload)?);
            }
            if told.is_empty() {
                continue;
            }
            let store = self.clone();
            let run = move || {
                let (store, told) = (store.clone(), told.clone());
                async move { store.try_fill_orders(told).await }
            };
            attempt(run).await.map_err(lost)?;
        }
        let mut tx = self.db.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query(settings::ADD).bind(FILLED).bind(Vec::from([1_u8])).execute(c).await?;
        });
        tx.commit().await
    }

    async fn try_fill_orders(&self, told: Vec<(OrderOf, OrderTold)>) -> Result<(), Error> {
        let records: BTreeSet<Uuid> = told.iter().map(|((record, _), _)| *record).collect();
        let records: Vec<Uuid> = records.into_iter().collect();
        let mut tx = self.db.begin().await?;
        let _: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &records).await?;
        let orders: BTreeSet<OrderOf> = told.iter().map(|(order, _)| order.clone()).collect();
        let kept = parts_of(&mut tx, &orders).await?;
        let mut writes = OrderWrites::default();
        for (order, told) in told {
            writes.tell(&kept, order, told);
        }
        let mut batch = Batch::default();
        write(&mut tx, &mut batch, writes).await?;
        batch.write(&mut tx).await?;
        tx.commit().await
    }

    /// The purchases of a customer as the entries add up, without the rows that are kept of them,
    /// the last bought first.
    pub async fn retell_purchases(&self, customer_id: Uuid) -> Result<Vec<PurchaseState>, Error> {
        let mut parts: BTreeMap<OrderOf, OrderPart> = BTreeMap::new();
        for record in self.records_of(customer_id).await? {
            let rows: Vec<(Vec<u8>,)> = on_db!(&self.db, |c| {
                sqlx::query_as(ENTRIES).bind(record).bind(MAX_RETOLD).fetch_all(c).await?
            });
            for (payload,) in rows {
                if let Some((order, told)) = open(&payload)? {
                    purchase::add(parts.entry(order).or_default(), told);
                }
            }
        }
        Ok(tell(parts, Micros::MAX, |_| Uuid::nil()))
    }
}
