//! What a list is asked for.

use uuid::Uuid;

use super::{Channel, EntryKind, Micros};

/// Which entries to list. What is empty does not restrict.
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
    /// Not beside an order.
    pub case_id: Option<Uuid>,
}

/// In which order entries come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// Where a page of entries ended: the next one begins behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub occurred_at: Micros,
    pub entry_id: Uuid,
}
