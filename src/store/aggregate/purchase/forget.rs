//! Removes entries from order histories.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::parts::{add, pair, parts_of};
use crate::{
    domain::serial::serial_key,
    error::Error,
    store::{
        sql::{
            bulk::Batch,
            db::{Tx, on_tx},
            dialect,
        },
        write::orders::{OrderOf, OrderWrites},
    },
};

pub(super) const REMOVE_KEY: &str = "delete from purchase_keys \
    where kind = $1 and key = $2 and customer_id = $3 and order_key = $4";

/// Removes entries from the order histories of a locked record.
pub(in crate::store) async fn forget(
    tx: &mut Tx,
    batch: &mut Batch,
    orders: &BTreeSet<OrderOf>,
    entries: &HashSet<Uuid>,
) -> Result<(), Error> {
    if orders.is_empty() {
        return Ok(());
    }
    let parts = parts_of(tx, orders).await?;
    let pairs: Vec<_> = orders.iter().map(pair).collect();
    let _: Vec<(Uuid,)> = tx.by_pairs(dialect::REMOVE_ORDERS, &pairs).await?;
    let mut writes = OrderWrites::default();
    for (order, part) in parts {
        for entry in part.entries {
            // Keys that remaining entries also have are written again.
            let serials = entry.event.serial_numbers().map(|number| ("serial", number));
            let tracking = entry.event.tracking_number().map(|number| ("tracking", number));
            for (kind, number) in serials.chain(tracking) {
                let Some(key) = serial_key(number) else { continue };
                on_tx!(&mut *tx, |c| {
                    let query = sqlx::query(REMOVE_KEY).bind(kind).bind(key).bind(order.0);
                    query.bind(&order.1).execute(c).await?;
                });
            }
            if !entries.contains(&entry.entry_id) {
                writes.add(&HashMap::new(), order.clone(), entry);
            }
        }
    }
    add(batch, writes)
}
