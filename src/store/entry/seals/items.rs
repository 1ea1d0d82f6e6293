//! Entries as they are hashed, and the queue of what is to be sealed.

use uuid::Uuid;

use crate::{
    clock::Clock,
    domain::entry_seal::{Fate, ITEM_BYTES, Item, StoredEntry},
    model::Micros,
    store::sql::bulk::{Batch, Column, Table},
};

static UNSEALED_ENTRIES: Table = Table { name: "unsealed_entries", columns: &["id", "items"] };

/// How many items a row holds at most. With the number of rows sealed at once this limits a seal to
/// 1.6 MB.
const ROW_ITEMS: usize = 128;

/// A row of `entries`, as it is hashed.
pub type Row = (Uuid, Micros, Uuid, String, String, String, Vec<u8>, Vec<u8>);

pub fn stored(row: &Row) -> StoredEntry<'_> {
    let (customer_id, occurred_at, entry_id, kind, channel, index_tag, payload, salt) = row;
    StoredEntry {
        customer_id: *customer_id,
        occurred_at: *occurred_at,
        entry_id: *entry_id,
        kind,
        channel,
        index_tag,
        payload,
        salt,
    }
}

/// Random bytes for the row of a new entry.
pub fn salt() -> Vec<u8> {
    // They are random with any clock.
    Clock::System.random_id().as_bytes().to_vec()
}

/// The item of an entry.
pub fn item(fate: Fate, entry: StoredEntry<'_>) -> Item {
    Item { fate, entry_id: entry.entry_id, hash: entry.hash() }
}

/// Queues items of a transaction for sealing.
pub fn note(batch: &mut Batch, items: &[Item]) {
    let mut rows = Vec::new();
    for some in items.chunks(ROW_ITEMS) {
        let mut bytes = Vec::with_capacity(some.len() * ITEM_BYTES);
        some.iter().for_each(|item| item.write(&mut bytes));
        rows.push(bytes);
    }
    let ids = rows.iter().map(|_| Clock::System.new_id()).collect();
    batch.insert(&UNSEALED_ENTRIES, vec![Column::Ids(ids), Column::Bytes(rows)]);
}
