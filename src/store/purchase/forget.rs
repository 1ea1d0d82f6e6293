//! What is kept of orders once entries that told of them are gone.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::{OrderOf, OrderWrites, add, pair, parts_of};
use crate::{
    error::Error,
    store::{
        bulk::Batch,
        db::{Tx, on_tx},
        dialect,
    },
    story::serial::serial_key,
};

pub(super) const REMOVE_KEY: &str = "delete from purchase_keys \
    where kind = $1 and key = $2 and customer_id = $3 and order_key = $4";

/// Takes what some entries told out of a record's orders. The record is locked.
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
        for told in part.told {
            // The keys that what stays has too are written again.
            let serials = told.news.serial_numbers().map(|number| ("serial", number));
            let tracking = told.news.tracking_number().map(|number| ("tracking", number));
            for (kind, number) in serials.chain(tracking) {
                let Some(key) = serial_key(number) else { continue };
                on_tx!(&mut *tx, |c| {
                    let query = sqlx::query(REMOVE_KEY).bind(kind).bind(key).bind(order.0);
                    query.bind(&order.1).execute(c).await?;
                });
            }
            if !entries.contains(&told.entry_id) {
                writes.tell(&HashMap::new(), order.clone(), told);
            }
        }
    }
    add(batch, writes);
    Ok(())
}
