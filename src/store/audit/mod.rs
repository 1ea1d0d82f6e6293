//! The audit log: a row for each call, written before its response is sent, and seals that make the
//! log tamper-evident.

mod index;
mod list;
mod log;
mod outside;
pub mod row;
mod seal;
mod verify;

pub(super) use log::Auditor;
pub use outside::SealsFile;
pub(super) use seal::{NEWEST_SEAL, add as add_seal};
pub use verify::Verified;

use crate::{
    error::Error,
    metrics::Metrics,
    store::{
        Store,
        opening::OpenError,
        sql::db::{Db, Observers, on_db},
    },
};
use row::{Line, LineRow, PAGE};

/// All statements of this module by name, for the test that prepares them.
pub(super) const TEXTS: [(&str, &str); 13] = [
    ("audit.rows", ROWS),
    ("audit.entries_of", list::ENTRIES_OF),
    ("audit.unsealed", list::UNSEALED),
    ("audit.last_seal", seal::LAST),
    ("audit.newest_seal", seal::NEWEST_SEAL),
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

/// The rows of a log after one and up to another.
const ROWS: &str = "select log, number, at, access from audit_log \
    where log = $1 and number > $2 and number <= $3 order by number limit $4";

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
