//! Direct access to the tables of the audit log.

use std::collections::HashMap;

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use throughline::{domain::audit, model::Seal};

use crate::support::Database;

const TABLES: [&str; 4] = ["audit_log", "audit_index", "audit_heads", "audit_seals"];

/// Direct access to a database.
pub enum Owner {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

type LogRow = (i64, i64, i64, String);

impl Owner {
    pub async fn of(database: &Database) -> Self {
        let url = database.audit_url();
        match url.starts_with("sqlite:") {
            true => Self::Sqlite(SqliteConnection::connect(&url).await.unwrap()),
            false => Self::Postgres(PgConnection::connect(&url).await.unwrap()),
        }
    }

    /// Runs statements; returns the number of rows that the last one changed.
    pub async fn run(&mut self, text: impl Into<String>) {
        let text = AssertSqlSafe(text.into());
        match self {
            Self::Sqlite(db) => drop(db.execute(sqlx::raw_sql(text)).await.unwrap()),
            Self::Postgres(db) => drop(db.execute(sqlx::raw_sql(text)).await.unwrap()),
        }
    }

    pub async fn count(&mut self, table: &str) -> usize {
        let text = AssertSqlSafe(format!("select count(*) from {table}"));
        let count: i64 = match self {
            Self::Sqlite(db) => sqlx::query_scalar(text).fetch_one(db).await.unwrap(),
            Self::Postgres(db) => sqlx::query_scalar(text).fetch_one(db).await.unwrap(),
        };
        usize::try_from(count).unwrap()
    }

    pub async fn rows(&mut self) -> Vec<LogRow> {
        let text = "select log, number, at, access from audit_log order by log, number";
        match self {
            Self::Sqlite(db) => sqlx::query_as(text).fetch_all(db).await.unwrap(),
            Self::Postgres(db) => sqlx::query_as(text).fetch_all(db).await.unwrap(),
        }
    }

    pub async fn set_seal(&mut self, seal: &Seal) {
        let text = "update audit_seals set hash = $2, chain = $3 where number = $1";
        let (hash, chain) = (seal.hash.to_vec(), seal.chain.to_vec());
        match self {
            Self::Sqlite(db) => {
                let query = sqlx::query(text).bind(seal.number).bind(hash).bind(chain);
                query.execute(db).await.unwrap();
            }
            Self::Postgres(db) => {
                let query = sqlx::query(text).bind(seal.number).bind(hash).bind(chain);
                query.execute(db).await.unwrap();
            }
        }
    }

    /// Recomputes all seals, from the hashes of the logs up to a row.
    pub async fn rechain(&mut self, hash_of: impl Fn(i64, i64) -> [u8; 32]) {
        let text = "select number, log, sealed, sealed_at from audit_seals order by number";
        let seals: Vec<(i64, i64, i64, i64)> = match self {
            Self::Sqlite(db) => sqlx::query_as(text).fetch_all(db).await.unwrap(),
            Self::Postgres(db) => sqlx::query_as(text).fetch_all(db).await.unwrap(),
        };
        let mut chain = audit::FIRST_CHAIN;
        for (number, log, sealed, sealed_at) in seals {
            let hash = hash_of(log, sealed);
            let mut seal = Seal { number, log, sealed, hash, sealed_at, chain };
            seal.chain = audit::chain(&chain, &seal);
            chain = seal.chain;
            self.set_seal(&seal).await;
        }
        self.run(
            "update audit_heads set hash = (select s.hash from audit_seals s \
             where s.log = audit_heads.log order by s.number desc limit 1)",
        )
        .await;
    }

    /// Recomputes all seals, so that they include these seals of entries.
    pub async fn make_entries_anew(&mut self, chains: &[(i64, Vec<u8>)]) {
        let text = "select log, sealed, hash from audit_seals";
        let kept: Vec<(i64, i64, Vec<u8>)> = match self {
            Self::Sqlite(db) => sqlx::query_as(text).fetch_all(db).await.unwrap(),
            Self::Postgres(db) => sqlx::query_as(text).fetch_all(db).await.unwrap(),
        };
        let kept: HashMap<(i64, i64), Vec<u8>> =
            kept.into_iter().map(|(log, sealed, hash)| ((log, sealed), hash)).collect();
        let entries: HashMap<i64, Vec<u8>> = chains.iter().cloned().collect();
        self.rechain(|log, sealed| {
            let hash = if log < 0 { &entries[&sealed] } else { &kept[&(log, sealed)] };
            hash.as_slice().try_into().unwrap()
        })
        .await;
    }

    /// Saves the current contents of the tables.
    pub async fn save(&mut self) {
        for table in TABLES {
            self.run(format!("create table kept_{table} as select * from {table}")).await;
        }
    }

    pub async fn restore(&mut self) {
        for table in TABLES {
            self.run(format!(
                "delete from {table}; insert into {table} select * from kept_{table}"
            ))
            .await;
        }
    }
}
