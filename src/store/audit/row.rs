//! The rows of the audit log and of its seals, as they are stored and hashed.

use uuid::Uuid;

use crate::{
    domain::audit,
    error::Error,
    model::{AuditEntry, Micros, Seal, StoredAuditEntry},
};

/// The log number of the seals of entries: `sealed` is the number of one, and `hash` its chain.
/// Other logs have non-negative numbers.
pub const ENTRIES_LOG: i64 = -1;

/// How many rows are read at once.
pub const PAGE: i64 = 2000;

/// A row of `audit_log`, as it is stored and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub(super) log: i64,
    pub(super) number: i64,
    pub(super) at: i64,
    pub(super) access: String,
}

/// The columns of a [`Line`].
pub type LineRow = (i64, i64, i64, String);

impl From<LineRow> for Line {
    fn from((log, number, at, access): LineRow) -> Self {
        Self { log, number, at, access }
    }
}

impl Line {
    pub(super) fn of(log: i64, number: i64, access: &AuditEntry) -> Result<Self, Error> {
        let unwritable = |_| Error::Internal("an access that is no JSON".to_owned());
        let text = serde_json::to_string(access).map_err(unwritable)?;
        Ok(Self { log, number, at: access.at, access: text })
    }

    /// The hash of this row and all rows before it.
    pub(super) fn hash(&self, before: &[u8; 32]) -> [u8; 32] {
        audit::next(before, self.log, self.number, self.at, &self.access)
    }

    /// None if the row was tampered with so that it cannot be parsed; then it does not match its
    /// hash.
    pub(super) fn read(&self) -> Option<StoredAuditEntry> {
        let access = serde_json::from_str(&self.access).ok()?;
        let access = AuditEntry { at: self.at, ..access };
        Some(StoredAuditEntry { id: audit::access_id(self.log, self.number), access })
    }

    /// The customers that it concerns.
    pub(super) fn customers(&self) -> Vec<Uuid> {
        self.read().map(|kept| kept.access.customers).unwrap_or_default()
    }
}

/// A row of `audit_seals`.
pub type SealRow = (i64, i64, i64, Vec<u8>, i64, Vec<u8>);

pub fn sealed((number, log, sealed, hash, sealed_at, chain): SealRow) -> Seal {
    Seal { number, log, sealed, hash: digest(&hash), sealed_at, chain: digest(&chain) }
}

/// A stored hash. One with another length was tampered with, and matches nothing.
pub fn digest(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or([0xff; 32])
}

/// After an hour without a seal, because there was no call or the process was suspended, the next
/// call begins another log: the old one may have been closed.
pub const RESTED: Micros = 3_600_000_000;

/// The state of the log of this process.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub log: i64,
    /// The number of rows.
    pub count: i64,
    /// The hash chain over all rows.
    pub hash: [u8; 32],
    /// The number of sealed rows.
    pub sealed: i64,
    /// When they were sealed.
    pub sealed_at: Micros,
}
