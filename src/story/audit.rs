//! The hashes that show whether somebody has changed who looked: SHA-256, one upon the other.
//!
//! The rows of a log are hashed each with the hash of those before it, and so are the seals. A row
//! that is changed, taken out, put in or moved, and a seal likewise, gives another hash from there
//! on. Whoever may write all tables can make all hashes anew; what they cannot change is the seal
//! that was written down elsewhere.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::model::{Micros, Seal};

/// What a log begins with, and the seals begin with.
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

/// What the first seal follows.
pub const FIRST_CHAIN: [u8; 32] = [0; 32];

/// The id of a row of a log, which counts from 1.
pub fn access_id(log: i64, count: i64) -> Uuid {
    Uuid::from_u64_pair(log.cast_unsigned(), count.cast_unsigned())
}

/// The log of a row, and how many rows the log has up to it.
pub fn place(id: Uuid) -> (i64, i64) {
    let (log, count) = id.as_u64_pair();
    (log.cast_signed(), count.cast_signed())
}

/// A seal in one line, as it is written down outside of the database.
pub fn line(seal: &Seal) -> String {
    let Seal { number, log, sealed, sealed_at, hash, chain } = seal;
    format!("{number} {log} {sealed} {sealed_at} {} {}", hex(hash), hex(chain))
}

/// The seal of such a line.
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

    /// Each part of a row counts, and which rows are before it.
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
