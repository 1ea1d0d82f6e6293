//! Migrates the tables at the start. The lists have the same numbers; on SQLite the audit log is a
//! separate file.
//!
//! Servers of two versions may share a database during an upgrade. So a release first adds
//! (expand), and only a later one removes what the previous one still uses, or relies on what only
//! newer ones write (contract), which raises [`OLDEST_PROGRAM`].

use std::time::Duration;

use sqlx::{
    Connection as _, SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::{
    db::{Db, on, on_db, on_tx},
    settings,
    statement::Kind,
};
use crate::{error::Error, store::opening::OpenError};

/// Number, name and text of a migration.
type Text = (i64, &'static str, &'static str);

const SQLITE: [Text; 15] = [
    (1, "timeline", include_str!("../../../migrations/sqlite/0001_timeline.sql")),
    (2, "identity", include_str!("../../../migrations/sqlite/0002_identity.sql")),
    (3, "customer_search", include_str!("../../../migrations/sqlite/0003_customer_search.sql")),
    (4, "suggestions", include_str!("../../../migrations/sqlite/0004_suggestions.sql")),
    (5, "live", include_str!("../../../migrations/sqlite/0005_live.sql")),
    (6, "cases", include_str!("../../../migrations/sqlite/0006_cases.sql")),
    (7, "purchases", include_str!("../../../migrations/sqlite/0007_purchases.sql")),
    (8, "quotes", include_str!("../../../migrations/sqlite/0008_quotes.sql")),
    (9, "case_passes", include_str!("../../../migrations/sqlite/0009_case_passes.sql")),
    (10, "briefing", include_str!("../../../migrations/sqlite/0010_briefing.sql")),
    (11, "erasure", include_str!("../../../migrations/sqlite/0011_erasure.sql")),
    (12, "rights", include_str!("../../../migrations/sqlite/0012_rights.sql")),
    (14, "heartbeats", include_str!("../../../migrations/sqlite/0014_heartbeats.sql")),
    (15, "files", include_str!("../../../migrations/sqlite/0015_files.sql")),
    (17, "entry_seals", include_str!("../../../migrations/sqlite/0017_entry_seals.sql")),
];
const SQLITE_AUDIT: [Text; 3] = [
    (13, "audit", include_str!("../../../migrations/sqlite/0013_audit.sql")),
    (14, "heartbeats", include_str!("../../../migrations/sqlite/0014_heartbeats.sql")),
    (16, "audit_files", include_str!("../../../migrations/sqlite/0016_audit_files.sql")),
];
const POSTGRES: [Text; 15] = [
    (1, "timeline", include_str!("../../../migrations/postgres/0001_timeline.sql")),
    (2, "identity", include_str!("../../../migrations/postgres/0002_identity.sql")),
    (3, "customer_search", include_str!("../../../migrations/postgres/0003_customer_search.sql")),
    (4, "suggestions", include_str!("../../../migrations/postgres/0004_suggestions.sql")),
    (5, "live", include_str!("../../../migrations/postgres/0005_live.sql")),
    (6, "cases", include_str!("../../../migrations/postgres/0006_cases.sql")),
    (7, "purchases", include_str!("../../../migrations/postgres/0007_purchases.sql")),
    (8, "quotes", include_str!("../../../migrations/postgres/0008_quotes.sql")),
    (9, "case_passes", include_str!("../../../migrations/postgres/0009_case_passes.sql")),
    (10, "briefing", include_str!("../../../migrations/postgres/0010_briefing.sql")),
    (11, "erasure", include_str!("../../../migrations/postgres/0011_erasure.sql")),
    (12, "rights", include_str!("../../../migrations/postgres/0012_rights.sql")),
    (13, "audit", include_str!("../../../migrations/postgres/0013_audit.sql")),
    (14, "heartbeats", include_str!("../../../migrations/postgres/0014_heartbeats.sql")),
    (17, "entry_seals", include_str!("../../../migrations/postgres/0017_entry_seals.sql")),
];

/// The newest migration that a program must know to work on these tables. Older programs refuse to
/// start; running ones continue, and have to be stopped before: after 17, the entries that they
/// record have no salt, and look as if somebody had inserted them.
const OLDEST_PROGRAM: i64 = 17;
/// The setting of the database with the largest such number of any program.
const OLDEST_PROGRAM_KEY: &str = "oldest_program";
/// Raises a number in 8 bytes, compared as bytes: none is negative.
const RAISE: &str = "insert into settings (name, value) values ($1, $2) \
    on conflict (name) do update set value = excluded.value where settings.value < excluded.value";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 1] = [("settings.raise", RAISE)];

/// The time limit of all migrations, including the wait for another server that runs them.
const BOUND: Duration = Duration::from_secs(3600);

/// For SQLite only.
const HAS_TABLE: &str =
    "select exists (select 1 from sqlite_master where type = 'table' and name = $1)";

/// Runs pending migrations. Several servers may do so at the same time.
pub async fn migrate(db: &Db, audit: &Db) -> Result<(), OpenError> {
    migrate_tables(db, audit).await?;
    let (needs, knows) = (oldest_program(db).await?, newest());
    if needs > knows {
        return Err(OpenError::NewerTables { needs, knows });
    }
    if needs < OLDEST_PROGRAM {
        raise(db, OLDEST_PROGRAM).await?;
    }
    Ok(())
}

/// The newest migration that this program knows.
pub fn newest() -> i64 {
    POSTGRES.iter().map(|(number, ..)| *number).max().unwrap_or(0)
}

pub async fn oldest_program(db: &Db) -> Result<i64, Error> {
    let value: Option<Vec<u8>> = on_db!(db, |c| {
        sqlx::query_scalar(settings::GET).bind(OLDEST_PROGRAM_KEY).fetch_optional(c).await?
    });
    let Some(value) = value else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(value.as_slice());
    let unreadable = |_| Error::Inconsistent { table: "settings", column: "value" };
    bytes.map(i64::from_be_bytes).map_err(unreadable)
}

async fn raise(db: &Db, oldest: i64) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let value = oldest.to_be_bytes().to_vec();
    on_tx!(&mut tx, |c| {
        sqlx::query(RAISE).bind(OLDEST_PROGRAM_KEY).bind(value).execute(c).await?;
    });
    tx.commit().await
}

/// If this fails, the caller closes the database, with the connection that failed.
async fn migrate_tables(db: &Db, audit: &Db) -> Result<(), OpenError> {
    if let Db::Postgres(pool) = db {
        let mut connection = pool.acquire().await?.bounded_by(BOUND);
        let migrated = on!(connection, |c| migrator(&POSTGRES).run_direct(None, c, false).await);
        return migrated.map_err(OpenError::of_migration);
    }
    if has_table(db, "restrictions").await? && !has_table(audit, "audit_log").await? {
        // The log is begun anew all the same: a lost disk is no reason to refuse service.
        tracing::warn!(
            "the previous audit log is missing: the file next to the database whose name ends in \
             -audit is new. If a backup has it, stop, restore it, and start again"
        );
    }
    // In this order: tables of the database imply that the other file existed.
    migrate_sqlite(audit, &SQLITE_AUDIT).await?;
    migrate_sqlite(db, &SQLITE).await
}

async fn has_table(db: &Db, name: &str) -> Result<bool, Error> {
    let Db::Sqlite { write, .. } = db else { return Ok(false) };
    let query = sqlx::query_scalar(HAS_TABLE).bind(name);
    Ok(on!(write.acquire().await?, |c| query.fetch_one(c).await?))
}

/// The migrator takes no lock on SQLite, so one transaction surrounds it. The second process waits
/// and finds nothing left to do.
async fn migrate_sqlite(db: &Db, texts: &[Text]) -> Result<(), OpenError> {
    let Db::Sqlite { write, .. } = db else { return Ok(()) };
    let mut connection = write.acquire().await?.bounded_by(BOUND);
    let migrated = on!(connection, |c| {
        // The migrator has its own transactions within this one, so that sqlx must know of it.
        let mut tx = c.begin_with("begin immediate").await?;
        let migrated = migrator(texts).run_direct(None, &mut *tx, false).await;
        if migrated.is_ok() {
            tx.commit().await?;
        }
        migrated
    });
    migrated.map_err(OpenError::of_migration)
}

/// The migrations that this version knows.
pub fn known(kind: Kind) -> Migrator {
    match kind {
        Kind::Sqlite => migrator(&SQLITE),
        Kind::Postgres => migrator(&POSTGRES),
    }
}

/// The migrations of SQLite's audit log file.
pub fn known_of_audit() -> Migrator {
    migrator(&SQLITE_AUDIT)
}

fn migrator(texts: &[Text]) -> Migrator {
    let migrations = texts.iter().map(|&(number, name, text)| {
        Migration::new(number, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    // Migrations of a newer version, which states itself what they require.
    migrator.set_ignore_missing(true);
    migrator
}
