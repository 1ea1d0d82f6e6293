//! The changes of order histories in a write.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use crate::{
    domain::{purchase, serial::serial_key},
    model::{OrderEntry, OrderHistory},
};

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
    pub keys: BTreeSet<(&'static str, String, Uuid, String)>,
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
    pub fn add(
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
