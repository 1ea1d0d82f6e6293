//! Figures of a database by which a copy is known to be complete.

use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

use super::BackupError;
use crate::{
    error::Error,
    store::sql::{database_id, dialect::HAS_TABLE, settings, statement::Kind},
};

/// The newest applied migration.
const MIGRATION: &str = "select coalesce(max(version), 0) from _sqlx_migrations where success";
const CUSTOMERS: &str = "select count(*) from customers";
const ENTRIES: &str = "select count(*) from entries";
const ERASURES: &str = "select count(*) from erasures";
const AUDIT_ENTRIES: &str = "select count(*) from audit_log";
const LAST_SEAL: &str = "select coalesce(max(number), 0) from audit_seals";

/// The figures of a database.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// None for a database of an older version.
    pub database_id: Option<Uuid>,
    pub migration: i64,
    /// Customer records.
    pub customers: i64,
    pub entries: i64,
    pub erasures: i64,
    pub audit_entries: i64,
    /// The number of the last seal of the audit log; 0 if there is none.
    pub last_seal: i64,
}

/// A connection to count on.
pub enum Asked<'a> {
    Sqlite(&'a mut SqliteConnection),
    Postgres(&'a mut PgConnection),
}

impl Facts {
    /// The figures of an SQLite file and its audit log.
    pub async fn of_sqlite(
        db: &mut SqliteConnection,
        audit: Option<&mut SqliteConnection>,
    ) -> Result<Self, BackupError> {
        let mut facts = Self::of_database(&mut Asked::Sqlite(db)).await?;
        if let Some(audit) = audit {
            let audit = &mut Asked::Sqlite(audit);
            let of_audit = audit.id("audit_settings", database_id::GET_OF_AUDIT).await?;
            if of_audit.zip(facts.database_id).is_some_and(|(audit, database)| audit != database) {
                let advice = "See `throughline doctor`";
                let what = "the audit log is that of another database";
                return Err(BackupError::refused(what, advice));
            }
            facts.add_audit(audit).await?;
        }
        Ok(facts)
    }

    pub async fn of_postgres(connection: &mut PgConnection) -> Result<Self, Error> {
        let asked = &mut Asked::Postgres(connection);
        let mut facts = Self::of_database(asked).await?;
        facts.add_audit(asked).await?;
        Ok(facts)
    }

    async fn of_database(asked: &mut Asked<'_>) -> Result<Self, Error> {
        Ok(Self {
            database_id: asked.id("settings", settings::GET).await?,
            migration: asked.number("_sqlx_migrations", MIGRATION).await?,
            customers: asked.number("customers", CUSTOMERS).await?,
            entries: asked.number("entries", ENTRIES).await?,
            erasures: asked.number("erasures", ERASURES).await?,
            ..Self::default()
        })
    }

    async fn add_audit(&mut self, asked: &mut Asked<'_>) -> Result<(), Error> {
        self.audit_entries = asked.number("audit_log", AUDIT_ENTRIES).await?;
        self.last_seal = asked.number("audit_seals", LAST_SEAL).await?;
        Ok(())
    }
}

impl Asked<'_> {
    /// A count; 0 if the table does not exist, as in older versions.
    async fn number(&mut self, table: &str, sql: &'static str) -> Result<i64, Error> {
        if !self.has(table).await? {
            return Ok(0);
        }
        Ok(match self {
            Self::Sqlite(c) => sqlx::query_scalar(sql).fetch_one(&mut **c).await?,
            Self::Postgres(c) => sqlx::query_scalar(sql).fetch_one(&mut **c).await?,
        })
    }

    async fn id(&mut self, table: &str, sql: &'static str) -> Result<Option<Uuid>, Error> {
        if !self.has(table).await? {
            return Ok(None);
        }
        let key = database_id::KEY;
        let id: Option<Vec<u8>> = match self {
            Self::Sqlite(c) => sqlx::query_scalar(sql).bind(key).fetch_optional(&mut **c).await?,
            Self::Postgres(c) => sqlx::query_scalar(sql).bind(key).fetch_optional(&mut **c).await?,
        };
        Ok(id.and_then(|id| Uuid::from_slice(&id).ok()))
    }

    async fn has(&mut self, table: &str) -> Result<bool, Error> {
        Ok(match self {
            Self::Sqlite(c) => {
                let sql = HAS_TABLE.on(Kind::Sqlite);
                sqlx::query_scalar(sql).bind(table).fetch_one(&mut **c).await?
            }
            Self::Postgres(c) => {
                let sql = HAS_TABLE.on(Kind::Postgres);
                sqlx::query_scalar(sql).bind(table).fetch_one(&mut **c).await?
            }
        })
    }
}
