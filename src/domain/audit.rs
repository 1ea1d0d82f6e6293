//! The hashes that make the audit log tamper-evident: SHA-256 chains.
//!
//! Each row of a log is hashed with the hash of the row before it, and so is each seal. A row or a
//! seal that is changed, removed, inserted or moved changes all hashes after it. Somebody who can
//! write all tables can recompute all hashes; what they cannot change is a seal that was written
//! down elsewhere.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::model::{Micros, Seal};

/// The hash that the chain of a log starts with.
pub fn start(log: i64) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"throughline audit log");
    hash.update(log.to_be_bytes());
    hash.finalize().into()
}

/// The hash of a row and all rows before it, from the row as it is stored.
pub fn next(before: &[u8; 32], log: i64, number: i64, at: Micros, access: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    for number in [log, number, at] {
        hash.update(number.to_be_bytes());
    }
    hash.update(access);
    hash.finalize().into()
}

/// The chain of a seal, from the chain of the one before it.
pub fn chain(before: &[u8; 32], seal: &Seal) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    for number in [seal.number, seal.log, seal.sealed, seal.sealed_at] {
        hash.update(number.to_be_bytes());
    }
    hash.update(seal.hash);
    hash.finalize().into()
}

/// The chain that the first seal follows.
pub const FIRST_CHAIN: [u8; 32] = [0; 32];

/// The id of a row of a log; rows are numbered from 1.
pub fn access_id(log: i64, count: i64) -> Uuid {
    Uuid::from_u64_pair(log.cast_unsigned(), count.cast_unsigned())
}

/// The log of a row, and its number in the log.
pub fn place(id: Uuid) -> (i64, i64) {
    let (log, count) = id.as_u64_pair();
    (log.cast_signed(), count.cast_signed())
}

/// A seal as a line of the file outside of the database.
pub fn line(seal: &Seal) -> String {
    let Seal { number, log, sealed, sealed_at, hash, chain } = seal;
    format!("{number} {log} {sealed} {sealed_at} {} {}", hex(hash), hex(chain))
}

/// Parses a line of that file.
pub fn read_line(line: &str) -> Option<Seal> {
    let mut words = line.split(' ');
    let mut number = || words.next()?.parse().ok();
    let (count, log, sealed, sealed_at) = (number()?, number()?, number()?, number()?);
    let (hash, chain) = (unhex(words.next()?)?, unhex(words.next()?)?);
    let seal = Seal { number: count, log, sealed, hash, sealed_at, chain };
    words.next().is_none().then_some(seal)
}

/// 32 bytes as 64 hexadecimal digits.
pub fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{access_id, chain, line, next, place, read_line, start};
    use crate::model::Seal;

    /// Every part of a row, and the rows before it, affect its hash.
    #[test]
    fn every_part_of_a_row_is_in_its_hash() {
        let hashes = [
            next(&start(3), 3, 1, 5, "{}"),
            next(&start(4), 3, 1, 5, "{}"),
            next(&start(3), 4, 1, 5, "{}"),
            next(&start(3), 3, 2, 5, "{}"),
            next(&start(3), 3, 1, 6, "{}"),
            next(&start(3), 3, 1, 5, "{ }"),
        ];
        let different: HashSet<_> = hashes.into_iter().collect();
        assert_eq!(different.len(), hashes.len());
    }

    #[test]
    fn a_seal_is_read_as_it_was_written() {
        let seal =
            Seal { number: 7, log: -3, sealed: 9, hash: [1; 32], sealed_at: 11, chain: [2; 32] };
        assert_eq!(read_line(&line(&seal)), Some(seal.clone()));
        for bad in ["", "7 -3 9 11", &line(&seal)[1..], &format!("{} 1", line(&seal))] {
            assert_eq!(read_line(bad).filter(|read| *read == seal), None, "{bad}");
        }
        let other = Seal { sealed: 10, ..seal.clone() };
        assert_ne!(chain(&[0; 32], &seal), chain(&[0; 32], &other));
        assert_ne!(chain(&[0; 32], &seal), chain(&[1; 32], &seal));
        assert_eq!(place(access_id(3, 9)), (3, 9));
    }
}
