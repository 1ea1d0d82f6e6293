//! Compares two large sets of entries in little memory, by sums of hashes in groups.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The number of groups. If two sets differ, some of the differing groups are read again.
pub(super) const GROUPS: usize = 4096;

/// For each group the sum of the hashes of one set, minus that of the other. The key is different
/// each time, so that nobody can prepare elements with the same sum.
pub(super) struct Sums {
    key: [u8; 32],
    groups: Vec<[u64; 4]>,
}

impl Sums {
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, groups: vec![[0; 4]; GROUPS] }
    }

    /// Adds an element of one set.
    pub fn add(&mut self, entry_id: Uuid, hash: &[u8; 32]) {
        let lanes = self.lanes(entry_id, hash);
        for (sum, lane) in self.groups[group(entry_id)].iter_mut().zip(lanes) {
            *sum = sum.wrapping_add(lane);
        }
    }

    /// Adds an element of the other set.
    pub fn subtract(&mut self, entry_id: Uuid, hash: &[u8; 32]) {
        let lanes = self.lanes(entry_id, hash);
        for (sum, lane) in self.groups[group(entry_id)].iter_mut().zip(lanes) {
            *sum = sum.wrapping_sub(lane);
        }
    }

    /// The groups in which the sets differ.
    pub fn differing(&self) -> Vec<usize> {
        let sums = self.groups.iter().enumerate();
        sums.filter(|(_, sum)| **sum != [0; 4]).map(|(group, _)| group).collect()
    }

    fn lanes(&self, entry_id: Uuid, hash: &[u8; 32]) -> [u64; 4] {
        let keyed: [u8; 32] = Sha256::new()
            .chain_update(self.key)
            .chain_update(entry_id)
            .chain_update(hash)
            .finalize()
            .into();
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(keyed.chunks_exact(8)) {
            *lane = bytes.try_into().map_or(0, u64::from_be_bytes);
        }
        lanes
    }
}

/// The group of an entry: the last bits of its id, which are random.
pub(super) fn group(entry_id: Uuid) -> usize {
    let [.., a, b] = *entry_id.as_bytes();
    usize::from(u16::from_be_bytes([a, b])) % GROUPS
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Sums, group};

    #[test]
    fn sets_that_are_the_same_in_whatever_order_do_not_differ() {
        let ids: Vec<Uuid> = (0..1000).map(|n| Uuid::from_u128(n * 7)).collect();
        let mut sums = Sums::new([3; 32]);
        ids.iter().for_each(|id| sums.add(*id, &[1; 32]));
        ids.iter().rev().for_each(|id| sums.subtract(*id, &[1; 32]));
        assert_eq!(sums.differing(), [0; 0]);
        // One element with another hash, and one that only one set has.
        sums.add(ids[1], &[1; 32]);
        sums.subtract(ids[1], &[2; 32]);
        sums.add(ids[2], &[1; 32]);
        assert_eq!(sums.differing(), [group(ids[1]), group(ids[2])]);
    }
}
