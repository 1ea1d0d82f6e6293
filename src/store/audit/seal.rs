//! Seals: what says how far a log had come, and what was in it, at least each minute.

use uuid::Uuid;

use super::{KeptAccess, LogRow, Seal, SealRow, digest, kept, log::Head, sealed};
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

/// The rows of a log behind one and up to another.
pub(super) const ROWS: &str = "select access_id, at, caller, actor, purpose, call, data, code, \
    customers, case_id from audit_log where access_id > $1 and access_id <= $2 \
    order by access_id limit $3";
pub(super) const LAST: &str = "select number, chain from audit_seals order by number desc limit 1";
pub(super) const SEALS: &str = "select number, log, sealed, hash, sealed_at, chain \
    from audit_seals where number > $1 order by number limit $2";
pub(super) const SET_HEAD: &str = "update audit_heads set sealed = $2, hash = $3, sealed_at = $4 \
    where log = $1 and sealed <= $2";
pub(super) const CLOSE_HEAD: &str = "update audit_heads set is_closed = true where log = $1";
/// Logs of which nobody has sealed anything since a time.
pub(super) const OPEN_HEADS: &str = "select log, sealed, hash from audit_heads \
    where not is_closed and sealed_at < $1 order by sealed_at, log limit 1000";

static AUDIT_HEADS: Table =
    Table { name: "audit_heads", columns: &["log", "sealed", "hash", "sealed_at", "is_closed"] };
static AUDIT_SEALS: Table = Table {
    name: "audit_seals",
    columns: &["number", "log", "sealed", "hash", "sealed_at", "chain"],
};

/// How many rows are read at once.
pub(super) const PAGE: i64 = 2000;
/// A log of which nothing was sealed for so long has lost its process: two minutes.
const LEFT_ALONE: Micros = 120_000_000;

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
async fn add(
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
        if let Some(head) = own
            && head.count > head.sealed
        {
            seals.push(self.seal(head.log, head.count, head.hash).await?);
            if let Some(current) = &mut *self.auditor.head.lock().await
                && current.log == head.log
            {
                current.sealed = head.count;
            }
        }
        let heads: Vec<(i64, i64, Vec<u8>)> =
            on_db!(&self.db, |c| { sqlx::query_as(OPEN_HEADS).bind(time).fetch_all(c).await? });
        for (log, count, hash) in heads {
            if own.is_none_or(|head| head.log != log) {
                seals.extend(self.seal_behind(log, count, digest(&hash)).await?);
            }
        }
        Ok(seals)
    }

    /// Seals the rows of a log behind its last seal, as they are found.
    async fn seal_behind(
        &self,
        log: i64,
        mut count: i64,
        mut hash: [u8; 32],
    ) -> Result<Option<Seal>, Error> {
        let first = count;
        loop {
            let rows = self.log_rows(log, count).await?;
            for row in &rows {
                hash = audit::next(&hash, row);
                (_, count) = audit::place(row.id);
            }
            if rows.is_empty() {
                break;
            }
        }
        if count == first {
            return Ok(None);
        }
        self.seal(log, count, hash).await.map(Some)
    }

    /// The next rows of a log behind so many.
    async fn log_rows(&self, log: i64, count: i64) -> Result<Vec<KeptAccess>, Error> {
        self.rows_between(audit::access_id(log, count), audit::access_id(log, -1)).await
    }

    /// The next rows of all logs.
    pub(super) async fn rows_behind(&self, behind: Uuid) -> Result<Vec<KeptAccess>, Error> {
        self.rows_between(behind, Uuid::max()).await
    }

    async fn rows_between(&self, behind: Uuid, last: Uuid) -> Result<Vec<KeptAccess>, Error> {
        let rows: Vec<LogRow> = on_db!(&self.db, |c| {
            sqlx::query_as(ROWS).bind(behind).bind(last).bind(PAGE).fetch_all(c).await?
        });
        Ok(rows.into_iter().map(kept).collect())
    }

    async fn seal(&self, log: i64, count: i64, hash: [u8; 32]) -> Result<Seal, Error> {
        let (db, clock) = (self.db.clone(), self.clock);
        let seal = move || {
            let db = db.clone();
            async move { try_seal(&db, clock, log, count, hash).await }
        };
        attempt(seal).await.map_err(lost)
    }

    /// Seals the log of this process for good. No access can be kept any more.
    pub(super) async fn close_log(&self) -> Result<Option<Seal>, Error> {
        self.auditor.close().await;
        let Some(Head { log, count, sealed, hash }) = self.auditor.head.lock().await.take() else {
            return Ok(None);
        };
        let seal = match count > sealed {
            true => Some(self.seal(log, count, hash).await?),
            false => None,
        };
        let db = self.db.clone();
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
        attempt(close).await.map_err(lost)?;
        Ok(seal)
    }

    /// The seals behind a number, the first ones.
    pub async fn seals_behind(&self, number: i64, limit: i64) -> Result<Vec<Seal>, Error> {
        let rows: Vec<SealRow> = on_db!(&self.db, |c| {
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
