//! The hashes that make entries tamper-evident: the SHA-256 of each entry, and a chain of seals
//! over them.
//!
//! A seal holds an item for each entry that was recorded or removed since the seal before it. The
//! hash of an entry covers its whole row. It includes random bytes of the row, the salt: once the
//! row is removed, the seals reveal nothing of it, even to somebody who guesses its content.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::model::Micros;

/// The chain that the first seal follows.
pub const FIRST_CHAIN: [u8; 32] = [0; 32];
/// The size of an item in bytes.
pub const ITEM_BYTES: usize = 1 + 16 + 32;

/// The row of an entry, as stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredEntry<'a> {
    pub customer_id: Uuid,
    pub occurred_at: Micros,
    pub entry_id: Uuid,
    pub kind: &'a str,
    pub channel: &'a str,
    pub index_tag: &'a str,
    pub payload: &'a [u8],
    pub salt: &'a [u8],
}

impl StoredEntry<'_> {
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"throughline entry");
        hash.update(self.customer_id);
        hash.update(self.entry_id);
        hash.update(self.occurred_at.to_be_bytes());
        let texts = [self.kind, self.channel, self.index_tag].map(str::as_bytes);
        for part in texts.into_iter().chain([self.salt, self.payload]) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

/// What happened to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Recorded,
    Removed,
}

/// The item of an entry in a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub fate: Fate,
    pub entry_id: Uuid,
    pub hash: [u8; 32],
}

impl Item {
    pub fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(match self.fate {
            Fate::Recorded => b'+',
            Fate::Removed => b'-',
        });
        bytes.extend(self.entry_id.as_bytes());
        bytes.extend(self.hash);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (fate, rest) = bytes.split_first()?;
        let fate = match fate {
            b'+' => Fate::Recorded,
            b'-' => Fate::Removed,
            _ => return None,
        };
        let (id, hash) = rest.split_at_checked(16)?;
        Some(Self { fate, entry_id: Uuid::from_slice(id).ok()?, hash: hash.try_into().ok()? })
    }
}

/// Parses items. None if the bytes are malformed.
pub fn read_items(bytes: &[u8]) -> Option<Vec<Item>> {
    bytes.chunks(ITEM_BYTES).map(Item::read).collect()
}

/// The chain of a seal, from the chain of the one before it.
pub fn chain(before: &[u8; 32], number: i64, sealed_at: Micros, items: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"throughline entry seal");
    hash.update(before);
    hash.update(number.to_be_bytes());
    hash.update(sealed_at.to_be_bytes());
    hash.update(items);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::Uuid;

    use super::{Fate, Item, StoredEntry, read_items};

    /// Every part of a row, and the boundaries between parts, affect its hash.
    #[test]
    fn every_part_of_a_row_is_in_its_hash() {
        let entry = StoredEntry {
            customer_id: Uuid::from_u128(1),
            occurred_at: 2,
            entry_id: Uuid::from_u128(3),
            kind: "note",
            channel: "phone",
            index_tag: "",
            payload: b"text",
            salt: b"salt",
        };
        let others = [
            entry,
            StoredEntry { customer_id: Uuid::from_u128(4), ..entry },
            StoredEntry { occurred_at: 3, ..entry },
            StoredEntry { entry_id: Uuid::from_u128(4), ..entry },
            StoredEntry { kind: "notep", channel: "hone", ..entry },
            StoredEntry { channel: "", index_tag: "phone", ..entry },
            StoredEntry { index_tag: "quote", ..entry },
            StoredEntry { payload: b"next", ..entry },
            StoredEntry { salt: b"saltt", payload: b"ext", ..entry },
        ];
        let hashes: HashSet<_> = others.iter().map(StoredEntry::hash).collect();
        assert_eq!(hashes.len(), others.len());
    }

    #[test]
    fn items_are_read_as_they_were_written() {
        let item = |fate, id| Item { fate, entry_id: Uuid::from_u128(id), hash: [7; 32] };
        let items = vec![item(Fate::Recorded, 1), item(Fate::Removed, 2)];
        let mut bytes = Vec::new();
        items.iter().for_each(|item| item.write(&mut bytes));
        assert_eq!(read_items(&bytes), Some(items));
        assert_eq!(read_items(&[]), Some(Vec::new()));
        for bad in [&bytes[1..], &bytes[..bytes.len() - 1], b"?"] {
            assert_eq!(read_items(bad), None);
        }
    }
}
