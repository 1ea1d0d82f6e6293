//! Purchases. A row of `orders` is the history of an order from the entries of one customer record,
//! written with them under the lock of that record only. A person with several records has a row
//! for each record with entries about an order, and they are combined when they are read: so merges
//! and unmerges change nothing here, and no entry waits for the lock of another record.

mod event;
mod fill;
mod forget;
mod list;
pub mod parts;

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
