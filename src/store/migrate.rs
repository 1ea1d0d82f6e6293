//! The tables, brought up to date at start. The lists have the same numbers; on SQLite who
//! looked has a file of its own.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::db::Db;
use crate::error::Error;

/// Number, name and text of a migration.
type Text = (i64, &'static str, &'static str);

const SQLITE: [Text; 12] = [
    (1, "timeline", include_str!("../../migrations/sqlite/0001_timeline.sql")),
    (2, "identity", include_str!("../../migrations/sqlite/0002_identity.sql")),
    (3, "customer_search", include_str!("../../migrations/sqlite/0003_customer_search.sql")),
    (4, "suggestions", include_str!("../../migrations/sqlite/0004_suggestions.sql")),
    (5, "live", include_str!("../../migrations/sqlite/0005_live.sql")),
    (6, "cases", include_str!("../../migrations/sqlite/0006_cases.sql")),
    (7, "purchases", include_str!("../../migrations/sqlite/0007_purchases.sql")),
    (8, "quotes", include_str!("../../migrations/sqlite/0008_quotes.sql")),
    (9, "case_passes", include_str!("../../migrations/sqlite/0009_case_passes.sql")),
    (10, "briefing", include_str!("../../migrations/sqlite/0010_briefing.sql")),
    (11, "erasure", include_str!("../../migrations/sqlite/0011_erasure.sql")),
    (12, "rights", include_str!("../../migrations/sqlite/0012_rights.sql")),
];
const SQLITE_AUDIT: [Text; 1] =
    [(13, "audit", include_str!("../../migrations/sqlite/0013_audit.sql"))];
const POSTGRES: [Text; 13] = [
    (1, "timeline", include_str!("../../migrations/postgres/0001_timeline.sql")),
    (2, "identity", include_str!("../../migrations/postgres/0002_identity.sql")),
    (3, "customer_search", include_str!("../../migrations/postgres/0003_customer_search.sql")),
    (4, "suggestions", include_str!("../../migrations/postgres/0004_suggestions.sql")),
    (5, "live", include_str!("../../migrations/postgres/0005_live.sql")),
    (6, "cases", include_str!("../../migrations/postgres/0006_cases.sql")),
    (7, "purchases", include_str!("../../migrations/postgres/0007_purchases.sql")),
    (8, "quotes", include_str!("../../migrations/postgres/0008_quotes.sql")),
    (9, "case_passes", include_str!("../../migrations/postgres/0009_case_passes.sql")),
    (10, "briefing", include_str!("../../migrations/postgres/0010_briefing.sql")),
    (11, "erasure", include_str!("../../migrations/postgres/0011_erasure.sql")),
    (12, "rights", include_str!("../../migrations/postgres/0012_rights.sql")),
    (13, "audit", include_str!("../../migrations/postgres/0013_audit.sql")),
];

/// Of SQLite alone.
const HAS_TABLE: &str =
    "select exists (select 1 from sqlite_master where type = 'table' and name = $1)";

/// Runs what has not run yet. Several servers may do so at the same time.
pub async fn migrate(db: &Db, audit: &Db) -> Result<(), Error> {
    if let Db::Postgres(pool) = db {
        return Ok(migrator(&POSTGRES).run(pool).await?);
    }
    if has_table(db, "restrictions").await? && !has_table(audit, "audit_log").await? {
        // Begun anew all the same: a lost disk is no reason to answer nobody.
        tracing::warn!(
            "who looked so far is not there: the file beside the database whose name ends in \
             -audit is new. If a backup has it, stop, put it back, and start again"
        );
    }
    // In this order: tables of the database say that the other file was there.
    migrate_sqlite(audit, &SQLITE_AUDIT).await?;
    migrate_sqlite(db, &SQLITE).await
}

async fn has_table(db: &Db, name: &str) -> Result<bool, Error> {
    let Db::Sqlite { write, .. } = db else { return Ok(false) };
    Ok(sqlx::query_scalar(HAS_TABLE).bind(name).fetch_one(write).await?)
}

/// The migrator takes no lock on SQLite: one transaction around all of it does. Who comes second
/// waits and finds nothing left to do.
async fn migrate_sqlite(db: &Db, texts: &[Text]) -> Result<(), Error> {
    let Db::Sqlite { write, .. } = db else { return Ok(()) };
    let mut tx = write.begin_with("begin immediate").await?;
    migrator(texts).run_direct(None, &mut *tx, false).await?;
    Ok(tx.commit().await?)
}

fn migrator(texts: &[Text]) -> Migrator {
    let migrations = texts.iter().map(|&(number, name, text)| {
        Migration::new(number, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}
