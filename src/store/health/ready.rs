//! Checks whether the store works: a write and a read on each of its databases, within a time
//! limit. `select 1` would touch neither the SQLite file nor the disk of PostgreSQL.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::{Instant, timeout};

use crate::{
    clock::Clock,
    error::Error,
    incident,
    model::Micros,
    store::{
        Store,
        sql::db::{
            Db, on, on_db, on_tx,
            vitals::{Damage, Vitals},
        },
    },
};

const BEAT: &str = "insert into heartbeats (id, at, padding) values (1, $1, $2) \
    on conflict (id) do update set at = excluded.at, padding = excluded.padding";
pub const READ: &str = "select at from heartbeats where id = 1";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 2] = [("heartbeats.set", BEAT), ("heartbeats.get", READ)];

/// The time limit of a write and a read. A slower probe continues in the background, and no other
/// probe of the database starts before it has ended.
const BOUND: Duration = Duration::from_secs(5);
/// A commit this recent counts as a heartbeat.
const RECENT: Duration = Duration::from_secs(2);
/// The size of a heartbeat after a failed write. A row that replaces itself within its page needs
/// no space, and would succeed on a full disk.
const PADDING_BYTES: usize = 64 << 10;

/// One line: `ok`, or the first problem.
pub const QUICK_CHECK: &str = "pragma quick_check(1)";
/// The time limit for checking the whole file. The server is not ready meanwhile.
const CHECK_BOUND: Duration = Duration::from_secs(600);
/// A damaged file is checked again after this many times the duration of the check, so that calls
/// that can still be answered need not wait for it.
const CHECK_PAUSE: u32 = 4;

/// Why the store is not ready: the problem of each of its databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady(Vec<Cause>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cause {
    database: &'static str,
    what: String,
}

impl fmt::Display for NotReady {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Cause { database, what }) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(out, "{between}{database}: {what}")?;
        }
        Ok(())
    }
}

impl Store {
    /// Writes to and reads from each database. For a busy database, a recent commit suffices.
    pub async fn ready(&self) -> Result<(), NotReady> {
        let database = probe("database", &self.db, self.clock);
        let found = match &self.audit {
            // The tables of the audit log are in the same database.
            Db::Postgres(_) => vec![database.await],
            Db::Sqlite { .. } => {
                let audit = probe("audit log", &self.audit, self.clock);
                let (database, audit) = tokio::join!(database, audit);
                vec![database, audit]
            }
        };
        let causes: Vec<Cause> = found.into_iter().filter_map(Result::err).collect();
        if causes.is_empty() { Ok(()) } else { Err(NotReady(causes)) }
    }
}

async fn probe(database: &'static str, db: &Db, clock: Clock) -> Result<(), Cause> {
    let vitals = db.vitals();
    let begun = Instant::now();
    let probed = timeout(BOUND, async {
        let turn = vitals.turn().await;
        let (db, vitals) = (db.clone(), Arc::clone(vitals));
        // A caller that has given up must not interrupt it, which would cost the connection.
        let probe = async move {
            let _turn = turn;
            // Whatever was committed a moment ago.
            db.ensure_in_place()?;
            write(&db, &vitals, clock).await?;
            read(&db).await?;
            check(&db, &vitals).await
        };
        incident::spawned(probe).await
    });
    let what = match probed.await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error.cause(),
        // It waits behind other writers, which make progress.
        Err(_) if vitals.has_committed_since(begun) => return Ok(()),
        Err(_) => format!("no write and read within {} s", BOUND.as_secs()),
    };
    Err(Cause { database, what })
}

async fn write(db: &Db, vitals: &Vitals, clock: Clock) -> Result<(), Error> {
    let has_failed = vitals.has_failed();
    if !has_failed && vitals.has_committed_since(Instant::now() - RECENT) {
        return Ok(());
    }
    let padding = vec![0_u8; if has_failed { PADDING_BYTES } else { 0 }];
    beat(db, clock.now(), padding).await
}

async fn beat(db: &Db, now: Micros, padding: Vec<u8>) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    on_tx!(&mut tx, |c| {
        sqlx::query(BEAT).bind(now).bind(padding).execute(c).await?;
    });
    tx.commit().await
}

async fn read(db: &Db) -> Result<(), Error> {
    // If others have committed all the time, there may be no row yet.
    let _: Option<i64> = on_db!(db, |c| sqlx::query_scalar(READ).fetch_optional(c).await?);
    Ok(())
}

/// Checks an SQLite file that was reported as damaged, since a heartbeat touches few of its pages.
/// PostgreSQL continues with what is intact, for all of its servers, and has no such check; its
/// damage shows in the metrics and the log.
async fn check(db: &Db, vitals: &Vitals) -> Result<(), Error> {
    let Db::Sqlite { read, .. } = db else { return Ok(()) };
    let Some(damage) = vitals.damage() else { return Ok(()) };
    let begun = Instant::now();
    if begun < damage.check_at {
        return Err(Error::Damaged(damage.cause));
    }
    let mut connection = read.acquire().await?.bounded_by(CHECK_BOUND);
    let found: Result<String, Error> = async {
        let check = sqlx::query_scalar(QUICK_CHECK);
        Ok(on!(connection, |c| check.fetch_one(c).await?))
    }
    .await;
    if found.as_deref() == Ok("ok") {
        vitals.set_damage(None);
        return Ok(());
    }
    let check_at = Instant::now() + begun.elapsed() * CHECK_PAUSE;
    vitals.set_damage(Some(Damage { check_at, ..damage.clone() }));
    Err(Error::Damaged(damage.cause))
}
