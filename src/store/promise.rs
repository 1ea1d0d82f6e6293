//! Promises: made, settled, and broken by the clock.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use super::{
    Store,
    attempt::{attempt, lost},
    case,
    change::{Change, earlier},
    db::{Tx, on_db, on_tx},
    dialect, payload,
    told::{self, Scene, Told},
    writes::Held,
};
use crate::{
    error::Error,
    metrics::Job,
    model::{
        Asked, Channel, Line, Micros, NewPromise, Position, Promise, PromiseChange, PromiseState,
        PromisedTo,
    },
    story::promise::apply,
};

pub(super) const RECORD_OF: &str = "select customer_id from promises where promise_id = $1";
pub(super) const GET: &str = "select content from promises where promise_id = $1";
pub(super) const LOAD: &str =
    "select content from promises where customer_id = $1 and promise_id = $2";
pub(super) const SET: &str = "insert into promises \
    (customer_id, promise_id, state, due_at, content) values ($1, $2, $3, $4, $5) \
    on conflict (customer_id, promise_id) do update set state = excluded.state, \
    content = excluded.content";
/// Open promises whose time has passed, behind one. $1 now, $2 and $3 the one before.
pub(super) const DUE: &str = "select customer_id, promise_id, due_at from promises \
    where state = 'open' and due_at <= $1 and (due_at, promise_id) > ($2, $3) \
    order by due_at, promise_id limit $4";
pub(super) const NEXT_DUE: &str = "select due_at from promises \
    where state = 'open' and due_at > $1 order by due_at, promise_id limit 1";
pub(super) const ENTRIES: &str = "select e.payload from entries e \
    where e.customer_id = $1 and e.mark = 'promise' and e.mark <> '' \
    order by e.occurred_at, e.entry_id limit $2";

/// How many are broken before the clock is read again.
const BATCH: i64 = 200;
/// Promises that other processes make are looked for so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many entries promises are told again from.
const MAX_RETOLD: i64 = 10_000;

pub(super) fn read(content: &str) -> Result<Promise, Error> {
    serde_json::from_str(content)
        .map_err(|_| Error::Inconsistent { table: "promises", column: "content" })
}

async fn load(tx: &mut Tx, record: Uuid, promise_id: Uuid) -> Result<Promise, Error> {
    let content: Option<String> = on_tx!(tx, |c| {
        sqlx::query_scalar(LOAD).bind(record).bind(promise_id).fetch_optional(c).await?
    });
    read(&content.ok_or(Error::PromiseNotFound)?)
}

async fn set(tx: &mut Tx, promise: &Promise) -> Result<(), Error> {
    // Texts, numbers and lists of them: there is nothing in it that JSON cannot hold.
    let content = serde_json::to_string(promise).unwrap_or_default();
    on_tx!(tx, |c| {
        sqlx::query(SET)
            .bind(promise.record_id)
            .bind(promise.id)
            .bind(promise.state.code())
            .bind(promise.made.due_at)
            .bind(content)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// What happens to a promise.
struct Happening<'a> {
    promise_id: Uuid,
    change: &'a PromiseChange,
    /// Nothing for the clock.
    channel: Option<Channel>,
    at: Micros,
    flags: &'a [i32],
}

impl Store {
    /// Makes a promise. The same request again gives the same promise.
    pub async fn make_promise(&self, new: NewPromise, asked: Asked) -> Result<Promise, Error> {
        let (record, case_id) = self.promised_to(new.to).await?;
        let store = self.clone();
        let run = move || {
            let (store, new, asked) = (store.clone(), new.clone(), asked.clone());
            async move { store.try_make_promise(record, case_id, &new, &asked).await }
        };
        let id = attempt(run).await.map_err(lost)?;
        self.signals.due.notify_one();
        self.get_promise(id).await
    }

    /// The record, and the case.
    pub(super) async fn promised_to(&self, to: PromisedTo) -> Result<(Uuid, Option<Uuid>), Error> {
        Ok(match to {
            PromisedTo::Customer(id) => (self.person_to_write(id).await?, None),
            PromisedTo::Case(id) => (self.record_of_case(id).await?, Some(id)),
        })
    }

    async fn try_make_promise(
        &self,
        record: Uuid,
        case_id: Option<Uuid>,
        new: &NewPromise,
        asked: &Asked,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let held = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, asked).await? {
            return row.entry_id.ok_or(Error::PromiseNotFound);
        }
        let promise_id = self.clock.new_id();
        let change = PromiseChange::Made(new.making.clone());
        let channel = Some(new.channel);
        let at = self.clock.now();
        let happening = Happening { promise_id, change: &change, channel, at, flags: &new.flags };
        self.happen(&mut tx, (record, &held), case_id, None, happening, asked).await?;
        tx.commit().await?;
        Ok(promise_id)
    }

    /// Keeps or withdraws a promise. The same request again changes nothing more.
    pub async fn settle_promise(
        &self,
        promise_id: Uuid,
        change: PromiseChange,
        channel: Channel,
        asked: Asked,
    ) -> Result<Promise, Error> {
        let record: Option<Uuid> = on_db!(&self.db, |c| {
            sqlx::query_scalar(RECORD_OF).bind(promise_id).fetch_optional(c).await?
        });
        let record = record.ok_or(Error::PromiseNotFound)?;
        let store = self.clone();
        let run = move || {
            let (store, change, asked) = (store.clone(), change.clone(), asked.clone());
            async move { store.try_settle(record, promise_id, &change, channel, &asked).await }
        };
        attempt(run).await.map_err(lost)?;
        self.get_promise(promise_id).await
    }

    async fn try_settle(
        &self,
        record: Uuid,
        promise_id: Uuid,
        change: &PromiseChange,
        channel: Channel,
        asked: &Asked,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let held = case::lock_record(&mut tx, record).await?;
        if earlier(&mut tx, asked).await?.is_some() {
            return Ok(());
        }
        let promise = load(&mut tx, record, promise_id).await?;
        let (channel, at) = (Some(channel), self.clock.now());
        let happening = Happening { promise_id, change, channel, at, flags: &[] };
        let case_id = promise.case_id;
        self.happen(&mut tx, (record, &held), case_id, Some(promise), happening, asked).await?;
        tx.commit().await
    }

    /// Tells of a change of a promise, and keeps what it adds up to.
    async fn happen(
        &self,
        tx: &mut Tx,
        (record, held): (Uuid, &Held),
        case_id: Option<Uuid>,
        before: Option<Promise>,
        happening: Happening<'_>,
        asked: &Asked,
    ) -> Result<(), Error> {
        let Happening { promise_id, change, channel, at, flags } = happening;
        let entry_id = self.clock.new_id();
        let mut line = Line {
            entry_id,
            record_id: record,
            revision: 0,
            at,
            channel,
            actor: asked.actor.clone(),
            reason: asked.reason.clone(),
        };
        let scene = Scene { entry_id, at, channel, flags: flags.to_vec() };
        let making = match (change, &before) {
            (PromiseChange::Made(making), _) => making.clone(),
            (_, Some(promise)) => promise.made.clone(),
            (_, None) => return Err(Error::PromiseNotFound),
        };
        let named = (promise_id, case_id);
        let mut write = Change::new(asked, self.clock.now());
        let entry = told::promise_entry(&scene, named, change, &making, asked);
        line.revision = write.add(record, held, entry);
        let promise = apply(before, named, change, &line).map_err(|_| Error::PromiseSettled)?;
        set(tx, &promise).await?;
        write.write(tx, record, Some(promise_id)).await
    }

    /// Breaks promises as they fall due, for ever.
    pub async fn keep_promises_timed(self) {
        loop {
            let broken = self.break_due_promises().await;
            self.metrics.jobs.note(Job::Promises, broken.is_ok(), self.clock.now());
            let wait = match broken {
                Ok(next) => next.map_or(LOOK_EVERY, |next| {
                    let micros = next.saturating_sub(self.clock.now()).max(0).unsigned_abs();
                    Duration::from_micros(micros).min(LOOK_EVERY)
                }),
                Err(error) => {
                    tracing::warn!(%error, detail = ?error, "promises not looked at");
                    LOOK_EVERY
                }
            };
            let made = self.signals.due.notified();
            // An end of the time is no error: one is due, or other processes may have made some.
            let _ = tokio::time::timeout(wait, made).await;
        }
    }

    /// Breaks every open promise whose time has passed, each in a transaction of its own and as of
    /// the moment it was due. Gives when the next one is due. Several servers may do so at once.
    /// One that cannot be broken is passed over, so that it holds up no other, and tried again the
    /// next time.
    pub async fn break_due_promises(&self) -> Result<Option<Micros>, Error> {
        let mut after = (Micros::MIN, Uuid::nil());
        loop {
            let now = self.clock.now();
            let due: Vec<(Uuid, Uuid, Micros)> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(DUE).bind(now).bind(after.0).bind(after.1);
                query.bind(BATCH).fetch_all(c).await?
            });
            let Some((_, last, due_at)) = due.last() else {
                return Ok(on_db!(&self.db, |c| {
                    sqlx::query_scalar(NEXT_DUE).bind(now).fetch_optional(c).await?
                }));
            };
            after = (*due_at, *last);
            for (record, promise_id, _) in due {
                // It breaks, as of the moment it was due, once the restriction is lifted.
                if self.is_restricted(record) {
                    continue;
                }
                let store = self.clone();
                let run = move || {
                    let store = store.clone();
                    async move { store.try_break(record, promise_id).await }
                };
                if let Err(error) = attempt(run).await {
                    tracing::warn!(%error, %promise_id, "a promise that is due was not broken");
                }
            }
        }
    }

    async fn try_break(&self, record: Uuid, promise_id: Uuid) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let held = case::lock_record(&mut tx, record).await?;
        let promise = load(&mut tx, record, promise_id).await?;
        // Another server, or whoever settled it, came first.
        if promise.state != PromiseState::Open || promise.made.due_at > self.clock.now() {
            return Ok(());
        }
        let asked = Asked {
            request_id: Uuid::nil(),
            body: [0; 16],
            actor: String::new(),
            reason: String::new(),
            time_violations: Vec::new(),
        };
        let (change, at) = (PromiseChange::Broken, promise.made.due_at);
        let happening = Happening { promise_id, change: &change, channel: None, at, flags: &[] };
        let case_id = promise.case_id;
        self.happen(&mut tx, (record, &held), case_id, Some(promise), happening, &asked).await?;
        tx.commit().await
    }

    /// One promise.
    pub async fn get_promise(&self, promise_id: Uuid) -> Result<Promise, Error> {
        let content: Option<String> = on_db!(&self.db, |c| {
            sqlx::query_scalar(GET).bind(promise_id).fetch_optional(c).await?
        });
        read(&content.ok_or(Error::PromiseNotFound)?)
    }

    /// Promises of a customer behind `after`, the one due first first, at most `limit`.
    pub async fn list_promises(
        &self,
        customer_id: Uuid,
        unsettled_only: bool,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Promise>, Error> {
        let records = self.records_of(customer_id).await?;
        let after = after.map_or((i64::MIN, Uuid::nil()), |it| (it.occurred_at, it.entry_id));
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = dialect::PROMISES_OF_RECORDS;
        let rows: Vec<(String,)> =
            self.db.page_of_records(sql, &records, unsettled_only, after, count).await?;
        rows.iter().map(|(content,)| read(content)).collect()
    }

    /// The promises of a record as its entries that were recorded by some time add up, without the
    /// rows that are kept of them.
    pub async fn retell_promises(
        &self,
        record: Uuid,
        until: Micros,
    ) -> Result<Vec<Promise>, Error> {
        let rows: Vec<(Vec<u8>,)> = on_db!(&self.db, |c| {
            sqlx::query_as(ENTRIES).bind(record).bind(MAX_RETOLD).fetch_all(c).await?
        });
        let mut told = Vec::new();
        for (bytes,) in rows {
            let entry = payload::open(&bytes)?;
            if told::recorded_at(&entry)? > until {
                continue;
            }
            if let Some((Told::Promise { id, change }, line)) = told::read(&entry)? {
                told.push((line.revision, (id, entry.case_id.parse().ok()), change, line));
            }
        }
        told.sort_by_key(|(revision, ..)| *revision);
        let mut promises = BTreeMap::new();
        for (_, named, change, line) in told {
            let before = promises.remove(&named.0);
            let promise =
                apply(before, named, &change, &line).map_err(|_| Error::PromiseSettled)?;
            promises.insert(named.0, promise);
        }
        Ok(promises.into_values().collect())
    }
}
