//! What a database says of itself. Nothing is changed: no migration runs, no file comes into being,
//! and a server may be at work meanwhile.

mod migrations;
mod postgres;
mod sqlite;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use tokio::time::timeout;
use uuid::Uuid;

pub use migrations::Migrations;
pub use postgres::{Connections, Place, Postgres, Replication};
pub use sqlite::{Integrity, Sqlite, SqliteFile};

use super::{
    backup::{LastBackup, last_backup},
    clock_check::NEWEST_SEAL,
    db::{Db, on_db},
    dialect::Twin,
    erasure::ErasureFile,
    opening::{OpenError, Opening},
};
use crate::{
    clock::Clock,
    error::Error,
    model::{Micros, Seal},
};

/// How long the database has to be reached and to answer, but for the check of its pages.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Connections of an inspection.
const CONNECTIONS: u32 = 1;

pub(super) const HAS_TABLE: Twin = Twin {
    sqlite: "select exists (select 1 from sqlite_master where type = 'table' and name = $1)",
    postgres: "select to_regclass($1) is not null",
};
/// Ids of erasures behind one.
const ERASURES: &str =
    "select erasure_id from erasures where erasure_id > $1 order by erasure_id limit 1000";
const LAST_SEAL: &str = "select max(number) from audit_seals";
const CHAIN: &str = "select chain from audit_seals where number = $1";

/// How an inspection is done.
#[derive(Clone, Debug)]
pub struct Inspecting {
    pub clock: Clock,
    pub opening: Opening,
    /// How long the pages of SQLite may be checked, each file by itself. None: they are not.
    pub page_check: Option<Duration>,
    /// A seal that stands outside of the database, to look for.
    pub outside_seal: Option<Seal>,
}

/// What was found.
#[derive(Clone, Debug)]
pub enum Inspection {
    /// There is no such file of SQLite, and nothing that says that there should be one.
    Absent(PathBuf),
    Found(Box<Found>),
}

/// A database that answers.
#[derive(Clone, Debug)]
pub struct Found {
    pub engine: Engine,
    /// What its tables say, or why they cannot be read.
    pub contents: Result<Contents, OpenError>,
}

#[derive(Clone, Debug)]
pub enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

#[derive(Clone, Debug)]
pub struct Contents {
    pub migrations: Migrations,
    /// The ids of the erasures that were done in it.
    pub erasures: BTreeSet<Uuid>,
    /// The number of the last seal.
    pub last_seal: Option<i64>,
    /// The newest time of the last seals.
    pub newest_seal_at: Option<Micros>,
    /// The last backup that it knows of.
    pub last_backup: Option<LastBackup>,
    /// Whether it has the seal that was looked for.
    pub has_outside_seal: Option<bool>,
}

/// How far another clock is from this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// Positive where the other one is ahead.
    pub by: Micros,
    /// How much of it may be the time that the question took.
    pub give_or_take: Micros,
}

/// Looks at the database of a URL.
pub async fn inspect(url: &str, how: &Inspecting) -> Result<Inspection, OpenError> {
    if url.starts_with("sqlite:") {
        return sqlite::inspect(url, how).await;
    }
    let late = |_| Error::Unavailable(format!("no answer within {} s", ANSWER_LIMIT.as_secs()));
    Ok(timeout(ANSWER_LIMIT, postgres::inspect(url, how)).await.map_err(late)??)
}

/// The ids of the erasures that a ledger has; none where there is no such file.
pub async fn erasures_of_ledger(path: PathBuf) -> Result<BTreeSet<Uuid>, Error> {
    ErasureFile::new(path).ids().await
}

impl Contents {
    /// Of the database, and of where the audit log is.
    async fn read(db: &Db, audit: Option<&Db>, how: &Inspecting) -> Result<Self, Error> {
        let mut contents = Self {
            migrations: Migrations::read(db, audit).await?,
            erasures: erasures(db).await?,
            last_backup: None,
            last_seal: None,
            newest_seal_at: None,
            has_outside_seal: None,
        };
        if has_table(db, "settings").await? {
            contents.last_backup = last_backup(db).await?;
        }
        let Some(audit) = audit else { return Ok(contents) };
        let has_seals = has_table(audit, "audit_seals").await?;
        if has_seals {
            contents.last_seal =
                on_db!(audit, |c| sqlx::query_scalar(LAST_SEAL).fetch_one(c).await?);
            contents.newest_seal_at =
                on_db!(audit, |c| sqlx::query_scalar(NEWEST_SEAL).fetch_one(c).await?);
        }
        if let Some(seal) = &how.outside_seal {
            contents.has_outside_seal = Some(has_seals && has_seal(audit, seal).await?);
        }
        Ok(contents)
    }
}

async fn has_table(db: &Db, name: &str) -> Result<bool, Error> {
    let text = HAS_TABLE.on(db.kind());
    Ok(on_db!(db, |c| sqlx::query_scalar(text).bind(name).fetch_one(c).await?))
}

async fn erasures(db: &Db) -> Result<BTreeSet<Uuid>, Error> {
    let mut all = BTreeSet::new();
    if !has_table(db, "erasures").await? {
        return Ok(all);
    }
    loop {
        let behind = all.last().copied().unwrap_or(Uuid::nil());
        let page: Vec<Uuid> =
            on_db!(db, |c| sqlx::query_scalar(ERASURES).bind(behind).fetch_all(c).await?);
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

async fn has_seal(audit: &Db, seal: &Seal) -> Result<bool, Error> {
    let chain: Option<Vec<u8>> =
        on_db!(audit, |c| { sqlx::query_scalar(CHAIN).bind(seal.number).fetch_optional(c).await? });
    Ok(chain.is_some_and(|chain| chain == seal.chain))
}
