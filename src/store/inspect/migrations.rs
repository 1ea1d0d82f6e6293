//! The migrations of a database, compared with those of this version.

use sqlx::migrate::Migrator;

use super::how::has_table;
use crate::{
    error::Error,
    store::sql::{
        db::{Db, on_db},
        migrate,
    },
};

const APPLIED: &str = "select version, success, checksum from _sqlx_migrations order by version";

/// Numbers of migrations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migrations {
    pub applied: Vec<i64>,
    /// Known here, and not applied yet.
    pub pending: Vec<i64>,
    /// Applied by a newer version, and not known here.
    pub unknown: Vec<i64>,
    /// Applied with another text than the known one.
    pub changed: Vec<i64>,
    /// Begun, and not completed.
    pub failed: Vec<i64>,
    /// The newest migration that a program must know to work on the tables.
    pub needed: i64,
}

impl Migrations {
    /// The newest one known here.
    pub fn newest_known() -> i64 {
        migrate::newest()
    }

    /// Of the database, and of SQLite's audit log file.
    pub(super) async fn read(db: &Db, audit: Option<&Db>) -> Result<Self, Error> {
        let mut found = Self::default();
        found.add(db, &migrate::known(db.kind())).await?;
        if let (Db::Sqlite { .. }, Some(audit)) = (db, audit) {
            found.add(audit, &migrate::known_of_audit()).await?;
        }
        if has_table(db, "settings").await? {
            found.needed = migrate::oldest_program(db).await?;
        }
        Ok(found)
    }

    async fn add(&mut self, db: &Db, known: &Migrator) -> Result<(), Error> {
        let rows: Vec<(i64, bool, Vec<u8>)> = match has_table(db, "_sqlx_migrations").await? {
            true => on_db!(db, |c| sqlx::query_as(APPLIED).fetch_all(c).await?),
            false => Vec::new(),
        };
        for migration in known.iter() {
            match rows.iter().find(|(number, ..)| *number == migration.version) {
                None => self.pending.push(migration.version),
                Some((number, _, checksum)) if *migration.checksum != **checksum => {
                    self.changed.push(*number);
                }
                Some(_) => {}
            }
        }
        for (number, success, _) in rows {
            self.applied.push(number);
            if !success {
                self.failed.push(number);
            }
            if !known.iter().any(|migration| migration.version == number) {
                self.unknown.push(number);
            }
        }
        Ok(())
    }
}
