//! Who looked: a row for each call, kept before its answer goes out, and seals that show whether
//! somebody has changed the rows.

mod list;
mod log;
mod looks;
mod outside;
mod seal;
mod verify;

pub(super) use log::Auditor;
pub use outside::SealsFile;
pub(super) use seal::add as add_seal;
pub use verify::Verified;

use uuid::Uuid;

use super::{
    Store, clock_check,
    db::{Db, Observers, on_db},
    opening::OpenError,
};
use crate::{
    error::Error,
    metrics::Metrics,
    model::{Access, KeptAccess, Seal},
    story::audit,
};

/// All statements of this folder, with a name, for the test that prepares them.
pub(super) const TEXTS: [(&str, &str); 13] = [
    ("audit.rows", ROWS),
    ("audit.looks", list::LOOKS),
    ("audit.unsealed", list::UNSEALED),
    ("audit.last_seal", seal::LAST),
    ("audit.newest_seal", clock_check::NEWEST_SEAL),
    ("audit.set_head", seal::SET_HEAD),
    ("audit.close_head", seal::CLOSE_HEAD),
    ("audit.open_heads", seal::OPEN_HEADS),
    ("audit.seals", seal::SEALS),
    ("audit.all_heads", verify::HEADS),
    ("audit.all_looks", verify::LOOKS),
    ("audit.all_rows", verify::ROWS),
    ("audit.last_row", verify::LAST_ROW),
];

/// Where who looked is kept: in the database of PostgreSQL, in a file beside the one of SQLite.
/// There each write to a file makes all of its readers read their pages again, and here each read
/// writes.
pub(super) async fn open(db: &Db, url: &str, metrics: &Metrics) -> Result<Db, OpenError> {
    match db {
        Db::Sqlite { .. } => {
            let observers = Observers::new(&metrics.database, "audit_log");
            Db::open(&format!("{url}-audit"), 2, &observers).await
        }
        Db::Postgres(pool) => Ok(Db::Postgres(pool.clone())),
    }
}

/// The log that the seals of entries count as: `sealed` is the number of one, and `hash` its chain.
/// Other logs are not negative.
pub(super) const ENTRIES_LOG: i64 = -1;

/// The rows of a log behind one and up to another.
const ROWS: &str = "select log, number, at, access from audit_log \
    where log = $1 and number > $2 and number <= $3 order by number limit $4";

/// How many rows are read at once.
const PAGE: i64 = 2000;

/// A row of `audit_log` as it is stored, and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    log: i64,
    number: i64,
    at: i64,
    access: String,
}

/// The same as it is read.
type LineRow = (i64, i64, i64, String);

impl From<LineRow> for Line {
    fn from((log, number, at, access): LineRow) -> Self {
        Self { log, number, at, access }
    }
}

impl Line {
    fn of(log: i64, number: i64, access: &Access) -> Result<Self, Error> {
        let unwritable = |_| Error::Internal("an access that is no JSON".to_owned());
        let text = serde_json::to_string(access).map_err(unwritable)?;
        Ok(Self { log, number, at: access.at, access: text })
    }

    /// The hash of it and of all rows before it.
    fn hash(&self, before: &[u8; 32]) -> [u8; 32] {
        audit::next(before, self.log, self.number, self.at, &self.access)
    }

    /// Nothing where somebody else has put there what is none; it does not fit its hash.
    fn read(&self) -> Option<KeptAccess> {
        let access = serde_json::from_str(&self.access).ok()?;
        let access = Access { at: self.at, ..access };
        Some(KeptAccess { id: audit::access_id(self.log, self.number), access })
    }

    /// Whom it tells of.
    fn customers(&self) -> Vec<Uuid> {
        self.read().map(|kept| kept.access.customers).unwrap_or_default()
    }
}

impl Store {
    /// The first rows of a log behind one and up to another.
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

/// A hash as it is kept. One of another length was put there by somebody else, and fits nothing.
pub(super) fn digest(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or([0xff; 32])
}
