//! Seals: what says how far a log had come, and what was in it, at least each minute.

use super::{
    Seal, SealRow, digest,
    log::{Head, RESTED},
    looks::Reached,
    sealed,
};
use crate::{
    clock::Clock,
    error::Error,
    model::Micros,
    store::{
        Store,
        attempt::{attempt, lost},
        bulk::{Batch, Column, Table},
        db::{Db, Tx, on_db, on_tx},
    },
    story::audit,
};

pub(super) const LAST: &str = "select number, chain from audit_seals order by number desc limit 1";
pub(super) const SEALS: &str = "select number, log, sealed, hash, sealed_at, chain \
    from audit_seals where number > $1 order by number limit $2";
pub(super) const SET_HEAD: &str = "update audit_heads \
    set sealed = $2, hash = $3, sealed_at = $4 \
    where log = $1 and sealed <= $2";
pub(super) const CLOSE_HEAD: &str = "update audit_heads set is_closed = true where log = $1";
/// Logs of which nobody has sealed anything since a time.
pub(super) const OPEN_HEADS: &str = "select log, sealed, hash, sealed_at from audit_heads \
    where not is_closed and sealed_at < $1 order by sealed_at, log limit 1000";

static AUDIT_HEADS: Table =
    Table { name: "audit_heads", columns: &["log", "sealed", "hash", "sealed_at", "is_closed"] };
static AUDIT_SEALS: Table = Table {
    name: "audit_seals",
    columns: &["number", "log", "sealed", "hash", "sealed_at", "chain"],
};

/// A log of which nothing was sealed for so long has lost its process: two minutes.
const LEFT_ALONE: Micros = 120_000_000;
/// After a day without a row a log that was left alone is closed.
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

/// Adds a seal behind the last one. [`Error::LostRace`] where another server was quicker.
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
    /// Seals what the log of this process has more than its last seal, and what the logs of
    /// processes have that are gone. Answers the seals that it made.
    pub async fn seal_accesses(&self) -> Result<Vec<Seal>, Error> {
        self.seal_logs_before(self.clock.now().saturating_sub(LEFT_ALONE)).await
    }

    /// The same, where every log that was sealed last before a time counts as left alone.
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
                // The others can be sealed all the same.
                Err(error) => {
                    tracing::warn!(log, cause = error.cause(), "a log is not sealed");
                }
            }
        }
        Ok(seals)
    }

    /// Seals the log of another process, as it is found: what was written is not known here.
    async fn seal_left(
        &self,
        log: i64,
        sealed: Reached,
        is_given_up: bool,
    ) -> Result<Option<Seal>, Error> {
        let reached = self.write_looks(log, sealed, i64::MAX).await?;
        if reached.number > sealed.number {
            return self.seal(log, reached.number, reached.hash).await.map(Some);
        }
        if is_given_up {
            self.close_head(log).await?;
        }
        Ok(None)
    }

    /// Seals the log of this process as it was written, whatever is found of it. One that rests is
    /// closed.
    async fn seal_own(&self, head: Head) -> Result<Option<Seal>, Error> {
        let Head { log, count, hash, sealed, sealed_at } = head;
        if count > sealed {
            // The hashes of what is found are not asked for.
            self.write_looks(log, Reached { number: sealed, hash }, count).await?;
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

    /// Seals the log of this process for good. No access can be kept any more.
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

    /// The seals behind a number, the first ones.
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
