//! Seals of entries, made each minute for what was recorded and removed since, and anchored in the
//! seals of the audit log.

use crate::{
    clock::Clock,
    domain::entry_seal::{FIRST_CHAIN, chain},
    error::Error,
    model::Seal,
    store::{
        Store,
        audit::{
            self,
            row::{ENTRIES_LOG, digest},
        },
        sql::{
            attempt::{attempt, lost},
            bulk::{Batch, Column, Table},
            db::{Db, Tx, on_db, on_tx},
        },
    },
};

/// Takes queued rows. If two servers do so at once, each row goes to one of them, so that no item
/// is in two seals.
pub(super) const TAKE: &str = "delete from unsealed_entries \
    where id in (select id from unsealed_entries order by id limit 256) returning items";
pub(super) const LAST: &str = "select number, chain from entry_seals order by number desc limit 1";
pub(super) const CHAIN_OF: &str = "select chain from entry_seals where number = $1";
pub(super) const HEAD: &str = "select sealed, hash from audit_heads where log = $1";
/// Writes nothing if another server was faster, unless $5.
pub(super) const SET_HEAD: &str = "insert into audit_heads \
    (log, sealed, hash, sealed_at, is_closed) values ($1, $2, $3, $4, true) \
    on conflict (log) do update set sealed = excluded.sealed, hash = excluded.hash, \
    sealed_at = excluded.sealed_at where audit_heads.sealed < excluded.sealed or $5";

static ENTRY_SEALS: Table =
    Table { name: "entry_seals", columns: &["number", "items", "sealed_at", "chain"] };

/// The last seal of entries: its number and its chain.
pub(super) type Last = (i64, [u8; 32]);

impl Store {
    /// Seals what was recorded and removed since the last seal. Returns the seal of the audit log
    /// that anchors it.
    pub async fn seal_entries(&self) -> Result<Option<Seal>, Error> {
        loop {
            let (db, clock) = (self.db.clone(), self.clock);
            let seal = move || {
                let db = db.clone();
                async move { try_seal(&db, clock).await }
            };
            if !attempt(seal).await.map_err(lost)? {
                return self.anchor_entries().await;
            }
        }
    }

    /// Anchors the last seal of entries in the audit log, if it is not there yet.
    async fn anchor_entries(&self) -> Result<Option<Seal>, Error> {
        // Read first, so that the audit log never knows more than the database.
        let last = last(&self.db).await?;
        let head = head(&self.audit).await?;
        if last.0 <= head.map_or(0, |(sealed, _)| sealed) {
            return Ok(None);
        }
        let (audit, clock) = (self.audit.clone(), self.clock);
        let anchor = move || {
            let audit = audit.clone();
            async move {
                let tx = audit.begin().await?;
                anchor(tx, clock, last, false).await
            }
        };
        attempt(anchor).await.map_err(lost)
    }

    /// Records that an older state of the database was restored, if its audit log in a separate
    /// file knows seals of entries that the database lacks. New seals follow the restored state.
    pub(in crate::store) async fn note_put_back(&self) -> Result<(), Error> {
        if matches!(self.db, Db::Postgres(_)) || self.is_known(head(&self.audit).await?).await? {
            return Ok(());
        }
        let store = self.clone();
        let note = move || {
            let store = store.clone();
            async move {
                let mut tx = store.audit.begin().await?;
                // Nobody else anchors meanwhile.
                if store.is_known(head_in(&mut tx).await?).await? {
                    return Ok(None);
                }
                let last = last(&store.db).await?;
                anchor(tx, store.clock, last, true).await
            }
        };
        if let Some(seal) = attempt(note).await.map_err(lost)? {
            tracing::warn!(
                seal = seal.number,
                "an older state of the database was put back: entries that were sealed since are \
                 not in it"
            );
        }
        Ok(())
    }

    /// Whether the database has the last seal of entries that its audit log knows.
    async fn is_known(&self, head: Option<Last>) -> Result<bool, Error> {
        let Some((sealed, hash)) = head else { return Ok(true) };
        let found: Option<Vec<u8>> = on_db!(&self.db, |c| {
            sqlx::query_scalar(CHAIN_OF).bind(sealed).fetch_optional(c).await?
        });
        Ok(found.map_or(FIRST_CHAIN, |chain| digest(&chain)) == hash)
    }
}

/// Seals some of the queued rows. Returns whether there were any.
async fn try_seal(db: &Db, clock: Clock) -> Result<bool, Error> {
    let mut tx = db.begin().await?;
    let rows: Vec<(Vec<u8>,)> = on_tx!(&mut tx, |c| sqlx::query_as(TAKE).fetch_all(c).await?);
    if rows.is_empty() {
        return Ok(false);
    }
    let items: Vec<u8> = rows.into_iter().flat_map(|(items,)| items).collect();
    let last: Option<(i64, Vec<u8>)> =
        on_tx!(&mut tx, |c| sqlx::query_as(LAST).fetch_optional(c).await?);
    let (number, before) = last.map_or((0, FIRST_CHAIN), |(n, chain)| (n, digest(&chain)));
    let (number, now) = (number + 1, clock.now());
    let chain = chain(&before, number, now, &items);
    let mut batch = Batch::default();
    let columns = vec![
        Column::Integers(vec![number]),
        Column::Bytes(vec![items]),
        Column::Integers(vec![now]),
        Column::Bytes(vec![chain.to_vec()]),
    ];
    batch.insert(&ENTRY_SEALS, columns);
    batch.write(&mut tx).await?;
    tx.commit().await?;
    Ok(true)
}

/// Anchors a seal of entries in the audit log. `put_back`: even if a later one is there.
async fn anchor(
    mut tx: Tx,
    clock: Clock,
    (number, chain): Last,
    put_back: bool,
) -> Result<Option<Seal>, Error> {
    let now = clock.now();
    let set = on_tx!(&mut tx, |c| {
        let query = sqlx::query(SET_HEAD).bind(ENTRIES_LOG).bind(number).bind(chain.to_vec());
        query.bind(now).bind(put_back).execute(c).await?.rows_affected()
    });
    if set == 0 {
        return Ok(None);
    }
    let seal = audit::add_seal(&mut tx, ENTRIES_LOG, number, chain, now).await?;
    tx.commit().await?;
    Ok(Some(seal))
}

async fn last(db: &Db) -> Result<Last, Error> {
    let last: Option<(i64, Vec<u8>)> =
        on_db!(db, |c| sqlx::query_as(LAST).fetch_optional(c).await?);
    Ok(last.map_or((0, FIRST_CHAIN), |(number, chain)| (number, digest(&chain))))
}

/// The last seal of entries that the audit log knows.
pub(super) async fn head(audit: &Db) -> Result<Option<Last>, Error> {
    let head: Option<(i64, Vec<u8>)> =
        on_db!(audit, |c| { sqlx::query_as(HEAD).bind(ENTRIES_LOG).fetch_optional(c).await? });
    Ok(head.map(|(sealed, hash)| (sealed, digest(&hash))))
}

async fn head_in(tx: &mut Tx) -> Result<Option<Last>, Error> {
    let head: Option<(i64, Vec<u8>)> =
        on_tx!(tx, |c| { sqlx::query_as(HEAD).bind(ENTRIES_LOG).fetch_optional(c).await? });
    Ok(head.map(|(sealed, hash)| (sealed, digest(&hash))))
}
