//! The audit log: a row for each call, written before its response is sent, and seals that make the
//! log tamper-evident.

mod index;
mod list;
mod log;
mod outside;
mod seal;
mod verify;

pub(super) use log::Auditor;
pub use outside::SealsFile;
pub(super) use seal::add as add_seal;
pub use verify::Verified;

use uuid::Uuid;

use crate::{
    domain::audit,
    error::Error,
    metrics::Metrics,
    model::{AuditEntry, Seal, StoredAuditEntry},
    store::{
        Store,
        health::clock_check,
        opening::OpenError,
        sql::db::{Db, Observers, on_db},
    },
};

/// All statements of this module by name, for the test that prepares them.
pub(super) const TEXTS: [(&str, &str); 13] = [
    ("audit.rows", ROWS),
    ("audit.entries_of", list::ENTRIES_OF),
    ("audit.unsealed", list::UNSEALED),
    ("audit.last_seal", seal::LAST),
    ("audit.newest_seal", clock_check::NEWEST_SEAL),
    ("audit.set_head", seal::SET_HEAD),
    ("audit.close_head", seal::CLOSE_HEAD),
    ("audit.open_heads", seal::OPEN_HEADS),
    ("audit.seals", seal::SEALS),
    ("audit.all_heads", verify::HEADS),
    ("audit.index", verify::INDEX),
    ("audit.all_rows", verify::ROWS),
    ("audit.last_row", verify::LAST_ROW),
];

/// Opens the database of the audit log: the PostgreSQL database itself, or a separate file for
/// SQLite. There every write invalidates the page caches of readers, and with the audit log every
/// read writes.
pub(super) async fn open(db: &Db, url: &str, metrics: &Metrics) -> Result<Db, OpenError> {
    match db {
        Db::Sqlite { .. } => {
            let observers = Observers::new(&metrics.database, "audit_log");
            Db::open(&format!("{url}-audit"), 2, &observers).await
        }
        Db::Postgres(pool) => Ok(Db::Postgres(pool.clone())),
    }
}

/// The log number of the seals of entries: `sealed` is the number of one, and `hash` its chain.
/// Other logs have non-negative numbers.
pub(super) const ENTRIES_LOG: i64 = -1;

/// The rows of a log after one and up to another.
const ROWS: &str = "select log, number, at, access from audit_log \
    where log = $1 and number > $2 and number <= $3 order by number limit $4";

/// How many rows are read at once.
const PAGE: i64 = 2000;

/// A row of `audit_log`, as it is stored and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    log: i64,
    number: i64,
    at: i64,
    access: String,
}

/// The columns of a [`Line`].
type LineRow = (i64, i64, i64, String);

impl From<LineRow> for Line {
    fn from((log, number, at, access): LineRow) -> Self {
        Self { log, number, at, access }
    }
}

impl Line {
    fn of(log: i64, number: i64, access: &AuditEntry) -> Result<Self, Error> {
        let unwritable = |_| Error::Internal("an access that is no JSON".to_owned());
        let text = serde_json::to_string(access).map_err(unwritable)?;
        Ok(Self { log, number, at: access.at, access: text })
    }

    /// The hash of this row and all rows before it.
    fn hash(&self, before: &[u8; 32]) -> [u8; 32] {
        audit::next(before, self.log, self.number, self.at, &self.access)
    }

    /// None if the row was tampered with so that it cannot be parsed; then it does not match its
    /// hash.
    fn read(&self) -> Option<StoredAuditEntry> {
        let access = serde_json::from_str(&self.access).ok()?;
        let access = AuditEntry { at: self.at, ..access };
        Some(StoredAuditEntry { id: audit::access_id(self.log, self.number), access })
    }

    /// The customers that it concerns.
    fn customers(&self) -> Vec<Uuid> {
        self.read().map(|kept| kept.access.customers).unwrap_or_default()
    }
}

impl Store {
    /// The first rows of a log after one and up to another.
    async fn log_rows(&self, log: i64, behind: i64, last: i64) -> Result<Vec<Line>, Error> {
        let rows: Vec<LineRow> = on_db!(&self.audit, |c| {
            let query = sqlx::query_as(ROWS).bind(log).bind(behind).bind(last);
            query.bind(PAGE).fetch_all(c).await?
        });
        Ok(rows.into_iter().map(Line::from).collect())
    }
}

/// A row of `audit_seals`.
type SealRow = (i64, i64, i64, Vec<u8>, i64, Vec<u8>);

fn sealed((number, log, sealed, hash, sealed_at, chain): SealRow) -> Seal {
    Seal { number, log, sealed, hash: digest(&hash), sealed_at, chain: digest(&chain) }
}

/// A stored hash. One with another length was tampered with, and matches nothing.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or([0xff; 32])
}
