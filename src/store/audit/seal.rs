//! Seals of the audit log: at least each minute they record how far each log has come, and its
//! hash.

use super::{
    index::Reached,
    row::{Head, RESTED, SealRow, digest, sealed},
};
use crate::{
    clock::Clock,
    domain::audit,
    error::Error,
    model::{Micros, Seal},
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::{Batch, Column, Table},
            db::{Db, Tx, on_db, on_tx},
        },
    },
};

pub(super) const LAST: &str = "select number, chain from audit_seals order by number desc limit 1";
pub(super) const SEALS: &str = "select number, log, sealed, hash, sealed_at, chain \
    from audit_seals where number > $1 order by number limit $2";
pub(super) const SET_HEAD: &str = "update audit_heads \
    set sealed = $2, hash = $3, sealed_at = $4 \
    where log = $1 and sealed <= $2";
pub(super) const CLOSE_HEAD: &str = "update audit_heads set is_closed = true where log = $1";
/// Logs that nobody has sealed since a time.
pub(super) const OPEN_HEADS: &str = "select log, sealed, hash, sealed_at from audit_heads \
    where not is_closed and sealed_at < $1 order by sealed_at, log limit 1000";

static AUDIT_HEADS: Table =
    Table { name: "audit_heads", columns: &["log", "sealed", "hash", "sealed_at", "is_closed"] };
static AUDIT_SEALS: Table = Table {
    name: "audit_seals",
    columns: &["number", "log", "sealed", "hash", "sealed_at", "chain"],
};

/// A log that was not sealed for this long has lost its process: two minutes.
const LEFT_ALONE: Micros = 120_000_000;
/// An abandoned log is closed after a day without a row.
const GIVEN_UP: Micros = 86_400_000_000;

/// Begins a log.
pub(super) async fn open(db: &Db, log: i64, hash: [u8; 32], now: Micros) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let mut batch = Batch::default();
    let columns = vec![
        Column::Integers(vec![log]),
        Column::Integers(vec![0]),
        Column::Bytes(vec![hash.to_vec()]),
        Column::Integers(vec![now]),
        Column::Booleans(vec![false]),
    ];
    batch.insert(&AUDIT_HEADS, columns);
    batch.write(&mut tx).await?;
    add(&mut tx, log, 0, hash, now).await?;
    tx.commit().await
}

/// Appends a seal. [`Error::Conflict`] if another server was faster.
pub(in crate::store) async fn add(
    tx: &mut Tx,
    log: i64,
    count: i64,
    hash: [u8; 32],
    now: Micros,
) -> Result<Seal, Error> {
    let last: Option<(i64, Vec<u8>)> =
        on_tx!(&mut *tx, |c| sqlx::query_as(LAST).fetch_optional(c).await?);
    let (number, before) =
        last.map_or((0, audit::FIRST_CHAIN), |(number, chain)| (number, digest(&chain)));
    let number = number + 1;
    let mut seal = Seal { number, log, sealed: count, hash, sealed_at: now, chain: [0; 32] };
    seal.chain = audit::chain(&before, &seal);
    let columns = vec![
        Column::Integers(vec![seal.number]),
        Column::Integers(vec![seal.log]),
        Column::Integers(vec![seal.sealed]),
        Column::Bytes(vec![seal.hash.to_vec()]),
        Column::Integers(vec![seal.sealed_at]),
        Column::Bytes(vec![seal.chain.to_vec()]),
    ];
    let mut batch = Batch::default();
    batch.insert(&AUDIT_SEALS, columns);
    batch.write(tx).await?;
    Ok(seal)
}

impl Store {
    /// Seals the new rows of this process's log, and the logs of processes that are gone. Returns
    /// the new seals.
    pub async fn seal_audit(&self) -> Result<Vec<Seal>, Error> {
        self.seal_logs_before(self.clock.now().saturating_sub(LEFT_ALONE)).await
    }

    /// Seals as [`Store::seal_audit`] does; logs that were last sealed before a time count as
    /// abandoned.
    #[doc(hidden)]
    pub async fn seal_logs_before(&self, time: Micros) -> Result<Vec<Seal>, Error> {
        let mut seals = Vec::new();
        let own = *self.auditor.head.lock().await;
        if let Some(head) = own {
            seals.extend(self.seal_own(head).await?);
        }
        let heads: Vec<(i64, i64, Vec<u8>, Micros)> =
            on_db!(&self.audit, |c| { sqlx::query_as(OPEN_HEADS).bind(time).fetch_all(c).await? });
        for (log, number, hash, sealed_at) in heads {
            if own.is_some_and(|head| head.log == log) {
                continue;
            }
            let sealed = Reached { number, hash: digest(&hash) };
            let is_given_up = sealed_at < time.saturating_sub(GIVEN_UP);
            match self.seal_left(log, sealed, is_given_up).await {
                Ok(seal) => seals.extend(seal),
                // The other logs can still be sealed.
                Err(error) => {
                    tracing::warn!(log, cause = error.cause(), "cannot seal a log");
                }
            }
        }
        Ok(seals)
    }

    /// Seals the log of another process as it is found, since what was written is not known here.
    async fn seal_left(
        &self,
        log: i64,
        sealed: Reached,
        is_given_up: bool,
    ) -> Result<Option<Seal>, Error> {
        let reached = self.write_index(log, sealed, i64::MAX).await?;
        if reached.number > sealed.number {
            return self.seal(log, reached.number, reached.hash).await.map(Some);
        }
        if is_given_up {
            self.close_head(log).await?;
        }
        Ok(None)
    }

    /// Seals the log of this process as it was written, whatever the database contains. An idle log
    /// is closed.
    async fn seal_own(&self, head: Head) -> Result<Option<Seal>, Error> {
        let Head { log, count, hash, sealed, sealed_at } = head;
        if count > sealed {
            // The hashes in the database are not used.
            self.write_index(log, Reached { number: sealed, hash }, count).await?;
            let seal = self.seal(log, count, hash).await?;
            if let Some(current) = &mut *self.auditor.head.lock().await
                && current.log == log
            {
                (current.sealed, current.sealed_at) = (count, seal.sealed_at);
            }
            return Ok(Some(seal));
        }
        if sealed_at < self.clock.now().saturating_sub(RESTED) {
            let same = |current: &mut Head| current.log == log && current.count == count;
            if self.auditor.head.lock().await.take_if(same).is_some() {
                self.close_head(log).await?;
            }
        }
        Ok(None)
    }

    async fn seal(&self, log: i64, count: i64, hash: [u8; 32]) -> Result<Seal, Error> {
        let (db, clock) = (self.audit.clone(), self.clock);
        let seal = move || {
            let db = db.clone();
            async move { try_seal(&db, clock, log, count, hash).await }
        };
        attempt(seal).await.map_err(lost)
    }

    /// Closes the log of this process. No further entry can be added.
    pub(super) async fn close_log(&self) -> Result<Option<Seal>, Error> {
        self.auditor.close().await;
        let Some(head) = self.auditor.head.lock().await.take() else { return Ok(None) };
        let seal = self.seal_own(head).await?;
        self.close_head(head.log).await?;
        Ok(seal)
    }

    async fn close_head(&self, log: i64) -> Result<(), Error> {
        let db = self.audit.clone();
        let close = move || {
            let db = db.clone();
            async move {
                let mut tx = db.begin().await?;
                on_tx!(&mut tx, |c| {
                    sqlx::query(CLOSE_HEAD).bind(log).execute(c).await?;
                });
                tx.commit().await
            }
        };
        attempt(close).await.map_err(lost)
    }

    /// The first seals after a number.
    pub async fn seals_behind(&self, number: i64, limit: i64) -> Result<Vec<Seal>, Error> {
        let rows: Vec<SealRow> = on_db!(&self.audit, |c| {
            sqlx::query_as(SEALS).bind(number).bind(limit).fetch_all(c).await?
        });
        Ok(rows.into_iter().map(sealed).collect())
    }
}

async fn try_seal(
    db: &Db,
    clock: Clock,
    log: i64,
    count: i64,
    hash: [u8; 32],
) -> Result<Seal, Error> {
    let mut tx = db.begin().await?;
    let now = clock.now();
    let seal = add(&mut tx, log, count, hash, now).await?;
    on_tx!(&mut tx, |c| {
        let query = sqlx::query(SET_HEAD).bind(log).bind(count).bind(hash.to_vec());
        query.bind(now).execute(c).await?;
    });
    tx.commit().await?;
    Ok(seal)
}

/// The newest time of the last seals. A clock that went back leaves older times after it.
pub const NEWEST_SEAL: &str = "select max(sealed_at) from \
    (select sealed_at from audit_seals order by number desc limit 10000) s";
