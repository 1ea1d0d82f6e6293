//! Inspects a database without changing anything: no migration runs, no file is created, and a
//! server may be running.

mod migrations;
mod postgres;
mod sqlite;

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use tokio::time::timeout;
use uuid::Uuid;

pub use migrations::Migrations;
pub use postgres::{Connections, Place, Postgres, Replication};
pub use sqlite::{Integrity, Sqlite, SqliteFile};

use crate::{
    clock::Clock,
    error::Error,
    model::{Micros, Seal},
    store::{
        backup::{LastBackup, last_backup},
        health::clock_check::NEWEST_SEAL,
        opening::{OpenError, Opening},
        privacy::erasure::ErasureFile,
        sql::{
            db::{Db, on_db},
            dialect::Twin,
        },
    },
};

/// The time limit for reaching the database and its answers, except for the check of its pages.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// The connections of an inspection.
const CONNECTIONS: u32 = 1;

pub(super) const HAS_TABLE: Twin = Twin {
    sqlite: "select exists (select 1 from sqlite_master where type = 'table' and name = $1)",
    postgres: "select to_regclass($1) is not null",
};
/// Ids of erasures after one.
const ERASURES: &str =
    "select erasure_id from erasures where erasure_id > $1 order by erasure_id limit 1000";
const LAST_SEAL: &str = "select max(number) from audit_seals";
const CHAIN: &str = "select chain from audit_seals where number = $1";

/// The options of an inspection.
#[derive(Clone, Debug)]
pub struct Inspecting {
    pub clock: Clock,
    pub opening: Opening,
    /// How long the pages of each SQLite file may be checked. None: they are not.
    pub page_check: Option<Duration>,
    /// A seal outside of the database to look for.
    pub outside_seal: Option<Seal>,
}

/// The result of an inspection.
#[derive(Clone, Debug)]
pub enum Inspection {
    /// The SQLite file does not exist, and nothing indicates that it should.
    Absent(PathBuf),
    Found(Box<Found>),
}

/// A database that answers.
#[derive(Clone, Debug)]
pub struct Found {
    pub engine: Engine,
    /// The contents of its tables, or why they cannot be read.
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
    /// The ids of its erasures.
    pub erasures: BTreeSet<Uuid>,
    /// The number of the last seal.
    pub last_seal: Option<i64>,
    /// The newest time of the last seals.
    pub newest_seal_at: Option<Micros>,
    /// The last backup that it knows of.
    pub last_backup: Option<LastBackup>,
    /// Whether it has the seal to look for.
    pub has_outside_seal: Option<bool>,
}

/// The difference between another clock and this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockDifference {
    /// Positive if the other clock is ahead.
    pub by: Micros,
    /// The uncertainty, since the question takes time.
    pub give_or_take: Micros,
}

/// Inspects the database of a URL.
pub async fn inspect(url: &str, how: &Inspecting) -> Result<Inspection, OpenError> {
    if url.starts_with("sqlite:") {
        return sqlite::inspect(url, how).await;
    }
    let late = |_| Error::Unavailable(format!("no answer within {} s", ANSWER_LIMIT.as_secs()));
    Ok(timeout(ANSWER_LIMIT, postgres::inspect(url, how)).await.map_err(late)??)
}

/// The ids of the erasures of a ledger; none if there is no such file.
pub async fn erasures_of_ledger(path: PathBuf) -> Result<BTreeSet<Uuid>, Error> {
    ErasureFile::new(path).ids().await
}

impl Contents {
    /// Reads the contents of the database and of the audit log.
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
