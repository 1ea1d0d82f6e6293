//! Opens a database: checks its files first, then migrates the tables.

use std::{fs::OpenOptions, io, path::PathBuf};

use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::{
    clock::Clock,
    error::Error,
    metrics::Metrics,
    store::{
        audit,
        files::{self, Files, Held, Missing, StoreLock, UnderWay},
        opening::{OpenError, Opening},
        sql::{
            database_id,
            db::{Db, Observers, Pool, on, on_db},
            migrate,
            statement::Twin,
        },
    },
};

/// Whether the database has tables of this program.
pub(super) const HAS_TABLES: Twin = Twin {
    sqlite: "select exists \
        (select 1 from sqlite_master where type = 'table' and name = 'customers')",
    postgres: "select to_regclass('customers') is not null",
};

/// A database with migrated tables.
pub struct Opened {
    pub db: Db,
    /// The database of the audit log.
    pub audit: Db,
    pub id: Uuid,
    /// Held while the SQLite files are open.
    pub lock: Option<StoreLock>,
}

/// Opens the database of a URL.
pub async fn open(
    url: &str,
    connections: u32,
    clock: Clock,
    opening: &Opening,
    metrics: &Metrics,
) -> Result<Opened, OpenError> {
    let files = Files::of(url);
    // Before opening a connection leaves some.
    let traces = files.as_ref().map_or_else(|| opening.traces(), |files| files.traces(opening));
    let connecting = Connecting { url, clock, opening, metrics, files, traces };
    let lock = match &connecting.files {
        None => None,
        Some(files) => Some(connecting.prepare(files).await?),
    };
    let opened = connecting.connect(connections, false).await?;
    Ok(Opened { lock, ..opened })
}

struct Connecting<'a> {
    url: &'a str,
    clock: Clock,
    opening: &'a Opening,
    metrics: &'a Metrics,
    /// For SQLite.
    files: Option<Files>,
    /// What is left of an earlier database.
    traces: Vec<PathBuf>,
}

impl Connecting<'_> {
    /// Checks the files, creates missing ones, and takes the lock that is held while they are open.
    async fn prepare(&self, files: &Files) -> Result<StoreLock, OpenError> {
        let no_lock = |error: io::Error| files.no_lock(&error);
        loop {
            let mut lock = match files.lock().await? {
                Held::Alone(lock) => lock,
                // Whoever has them open has checked them.
                Held::Shared(lock) => return files.ensure_there().map(|()| lock),
            };
            let under_way = lock.under_way().map_err(no_lock)?;
            match files.look(self.opening, under_way).await? {
                Missing::Nothing => {}
                Missing::Audit => self.create(files, false).await?,
                Missing::Database => {
                    lock.set_under_way(Some(UnderWay::Creating)).map_err(no_lock)?;
                    self.create(files, true).await?;
                    lock.set_under_way(None).map_err(no_lock)?;
                }
            }
            if let Some(lock) = lock.share().map_err(no_lock)? {
                return Ok(lock);
            }
        }
    }

    /// Creates missing files. `is_new` is whether there is no database yet.
    async fn create(&self, files: &Files, is_new: bool) -> Result<(), OpenError> {
        for file in [&files.database, &files.audit] {
            // SQLite treats an empty file as a new database.
            let made = OpenOptions::new().create(true).truncate(false).write(true).open(file);
            made.map_err(|error| OpenError::of_file(file, &error))?;
        }
        let Opened { db, audit, .. } = self.connect(1, is_new).await?;
        db.close().await;
        audit.close().await;
        Ok(())
    }

    async fn connect(&self, connections: u32, may_be_empty: bool) -> Result<Opened, OpenError> {
        let observers = Observers::new(&self.metrics.database, "database");
        let db = Db::open(self.url, connections, &observers).await?;
        let opened = self.prepare_tables(&db, may_be_empty).await;
        if opened.is_err() {
            db.close().await;
        }
        opened
    }

    async fn prepare_tables(&self, db: &Db, may_be_empty: bool) -> Result<Opened, OpenError> {
        let may_be_empty = may_be_empty || self.opening.create || self.traces.is_empty();
        if !may_be_empty && !has_tables(db).await? {
            let file = self.files.as_ref().map(|files| files.database.clone());
            let file = file.unwrap_or_else(|| PathBuf::from("the database"));
            return Err(OpenError::Lost { file, traces: self.traces.clone() });
        }
        let audit = audit::open(db, self.url, self.metrics).await?;
        let id = self.fill(db, &audit).await;
        if id.is_err() {
            audit.close().await;
        }
        Ok(Opened { db: db.clone(), audit, id: id?, lock: None })
    }

    /// Migrates the tables, and returns the id of the database.
    async fn fill(&self, db: &Db, audit: &Db) -> Result<Uuid, OpenError> {
        migrate::migrate(db, audit).await?;
        for db in [db, audit] {
            if let Db::Sqlite { write, .. } = db {
                name_page(write).await?;
            }
        }
        let new = self.clock.random_id();
        database_id::agree(db, audit, self.files.as_ref(), new).await
    }
}

async fn name_page(pool: &Pool<SqliteConnection>) -> Result<(), Error> {
    on!(pool.acquire().await?, |c| files::name_page(c).await?);
    Ok(())
}

async fn has_tables(db: &Db) -> Result<bool, Error> {
    let sql = HAS_TABLES.on(db.kind());
    Ok(on_db!(db, |c| sqlx::query_scalar(sql).fetch_one(c).await?))
}
