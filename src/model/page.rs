//! Filters, orders and positions of lists.

use uuid::Uuid;

use super::{Channel, EntryKind, Micros};

/// A filter of entries. Empty fields do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryFilter {
    pub channels: Vec<Channel>,
    pub kinds: Vec<EntryKind>,
    /// This time or later.
    pub occurred_from: Option<Micros>,
    /// Before this time.
    pub occurred_before: Option<Micros>,
    /// The key of an order.
    pub order: Option<String>,
    /// Excludes `order`.
    pub case_id: Option<Uuid>,
}

/// The order of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// The position at which a page ended; the next page begins after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub occurred_at: Micros,
    pub entry_id: Uuid,
}
