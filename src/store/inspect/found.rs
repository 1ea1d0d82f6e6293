//! What an inspection has found.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use uuid::Uuid;

use super::{
    how::{Inspecting, has_table},
    migrations::Migrations,
};
use crate::{
    error::Error,
    model::{Micros, Seal},
    store::{
        audit::NEWEST_SEAL,
        backup::{LastBackup, last_backup},
        opening::OpenError,
        sql::db::{Db, on_db},
    },
};

#[derive(Clone, Debug)]
pub struct Sqlite {
    pub database: SqliteFile,
    /// The audit log beside the database; None if it does not exist.
    pub audit: Option<SqliteFile>,
}

#[derive(Clone, Debug)]
pub struct SqliteFile {
    pub path: PathBuf,
    pub bytes: u64,
    pub free_bytes: u64,
    /// The size of its write-ahead log. If nobody has the file open, a crash has left the log.
    pub log_bytes: u64,
    /// Whether it uses a write-ahead log.
    pub is_write_ahead: bool,
    pub integrity: Integrity,
}

/// The result of checking the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integrity {
    Whole,
    Unchecked,
    /// The time limit was too short.
    Unfinished,
    Fault(String),
}

#[derive(Clone, Debug)]
pub struct Postgres {
    /// By name, as `show` prints them.
    pub settings: BTreeMap<String, String>,
    pub connections: Connections,
    pub place: Place,
    pub replication: Replication,
    pub clock: ClockDifference,
}

/// How many connections there are, and may be.
#[derive(Clone, Debug)]
pub struct Connections {
    /// In use by other programs.
    pub of_others: i64,
    pub of_user: i32,
    pub of_database: i32,
}

#[derive(Clone, Debug)]
pub struct Place {
    pub bytes: i64,
    pub is_encrypted: bool,
    /// Whether it is reached over a network.
    pub is_remote: bool,
    /// Whether this user may create tables.
    pub may_create: bool,
}

#[derive(Clone, Debug)]
pub struct Replication {
    pub is_standby: bool,
    pub standbys: i64,
    pub archiving_fails: bool,
    /// Replication slots that nobody reads.
    pub idle_slots: i64,
    /// The most write-ahead log that one of them retains.
    pub idle_slot_bytes: i64,
}

/// Ids of erasures after one.
pub const ERASURES: &str =
    "select erasure_id from erasures where erasure_id > $1 order by erasure_id limit 1000";

pub const LAST_SEAL: &str = "select max(number) from audit_seals";

pub const CHAIN: &str = "select chain from audit_seals where number = $1";

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

impl Contents {
    /// Reads the contents of the database and of the audit log.
    pub(super) async fn read(db: &Db, audit: Option<&Db>, how: &Inspecting) -> Result<Self, Error> {
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

pub async fn erasures(db: &Db) -> Result<BTreeSet<Uuid>, Error> {
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

pub async fn has_seal(audit: &Db, seal: &Seal) -> Result<bool, Error> {
    let chain: Option<Vec<u8>> =
        on_db!(audit, |c| { sqlx::query_scalar(CHAIN).bind(seal.number).fetch_optional(c).await? });
    Ok(chain.is_some_and(|chain| chain == seal.chain))
}
