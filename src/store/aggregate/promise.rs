//! Promises: made, settled, and broken when they fall due.

use std::{collections::BTreeMap, time::Duration};

use uuid::Uuid;

use super::case;
use crate::{
    domain::promise::apply,
    error::Error,
    metrics::Job,
    model::{
        Channel, EventMeta, Micros, NewPromise, Position, Promise, PromiseChange, PromiseState,
        PromisedTo, RequestContext,
    },
    store::{
        Store,
        entry::{
            codec::{self, EntryChange, EntryMeta},
            payload,
        },
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_db, on_tx},
            dialect,
            json::to_json,
        },
        write::{
            change::{Change, earlier},
            writes::CustomerRecord,
        },
    },
};

const RECORD_OF: &str = "select customer_id from promises where promise_id = $1";
const GET: &str = "select content from promises where promise_id = $1";
pub const LOAD: &str = "select content from promises where customer_id = $1 and promise_id = $2";
const SET: &str = "insert into promises \
    (customer_id, promise_id, state, due_at, content) values ($1, $2, $3, $4, $5) \
    on conflict (customer_id, promise_id) do update set state = excluded.state, \
    content = excluded.content";
/// Overdue open promises after one. $1 now, $2 and $3 the previous one.
const DUE: &str = "select customer_id, promise_id, due_at from promises \
    where state = 'open' and due_at <= $1 and (due_at, promise_id) > ($2, $3) \
    order by due_at, promise_id limit $4";
const NEXT_DUE: &str = "select due_at from promises \
    where state = 'open' and due_at > $1 order by due_at, promise_id limit 1";
const ENTRIES: &str = "select e.payload from entries e \
    where e.customer_id = $1 and e.index_tag = 'promise' and e.index_tag <> '' \
    order by e.occurred_at, e.entry_id limit $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 7] = [
    ("promises.record_of", RECORD_OF),
    ("promises.get", GET),
    ("promises.load", LOAD),
    ("promises.set", SET),
    ("promises.due", DUE),
    ("promises.next_due", NEXT_DUE),
    ("promises.entries", ENTRIES),
];

/// How many are broken before the clock is read again.
const BATCH: i64 = 200;
/// The interval at which promises of other processes are checked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How many entries promises are replayed from.
const MAX_REPLAYED: i64 = 10_000;

pub fn read(content: &str) -> Result<Promise, Error> {
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
    let content = to_json(promise)?;
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

/// A change of a promise to record.
struct PromiseEvent<'a> {
    promise_id: Uuid,
    change: &'a PromiseChange,
    /// None if the clock causes it.
    channel: Option<Channel>,
    at: Micros,
    flags: &'a [i32],
}

impl Store {
    /// Makes a promise. Idempotent.
    pub async fn make_promise(
        &self,
        new: NewPromise,
        context: RequestContext,
    ) -> Result<Promise, Error> {
        let (record, case_id) = self.promised_to(new.to).await?;
        let store = self.clone();
        let run = move || {
            let (store, new, context) = (store.clone(), new.clone(), context.clone());
            async move { store.try_make_promise(record, case_id, &new, &context).await }
        };
        let id = attempt(run).await.map_err(lost)?;
        self.signals.due.notify_one();
        self.get_promise(id).await
    }

    /// The record, and the case.
    pub(in crate::store) async fn promised_to(
        &self,
        to: PromisedTo,
    ) -> Result<(Uuid, Option<Uuid>), Error> {
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
        context: &RequestContext,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let current = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return row.entry_id.ok_or(Error::PromiseNotFound);
        }
        let promise_id = self.clock.new_id();
        let change = PromiseChange::Made(new.making.clone());
        let channel = Some(new.channel);
        let at = self.clock.now();
        let event = PromiseEvent { promise_id, change: &change, channel, at, flags: &new.flags };
        self.append(&mut tx, (record, &current), case_id, None, event, context).await?;
        tx.commit().await?;
        Ok(promise_id)
    }

    /// Marks a promise as kept or withdrawn. Idempotent.
    pub async fn settle_promise(
        &self,
        promise_id: Uuid,
        change: PromiseChange,
        channel: Channel,
        context: RequestContext,
    ) -> Result<Promise, Error> {
        let record: Option<Uuid> = on_db!(&self.db, |c| {
            sqlx::query_scalar(RECORD_OF).bind(promise_id).fetch_optional(c).await?
        });
        let record = record.ok_or(Error::PromiseNotFound)?;
        let store = self.clone();
        let run = move || {
            let (store, change, context) = (store.clone(), change.clone(), context.clone());
            async move { store.try_settle(record, promise_id, &change, channel, &context).await }
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
        context: &RequestContext,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let current = case::lock_record(&mut tx, record).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(());
        }
        let promise = load(&mut tx, record, promise_id).await?;
        let (channel, at) = (Some(channel), self.clock.now());
        let event = PromiseEvent { promise_id, change, channel, at, flags: &[] };
        let case_id = promise.case_id;
        self.append(&mut tx, (record, &current), case_id, Some(promise), event, context).await?;
        tx.commit().await
    }

    /// Records a change of a promise, and stores the new state.
    async fn append(
        &self,
        tx: &mut Tx,
        (record, current): (Uuid, &CustomerRecord),
        case_id: Option<Uuid>,
        before: Option<Promise>,
        event: PromiseEvent<'_>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let PromiseEvent { promise_id, change, channel, at, flags } = event;
        let entry_id = self.clock.new_id();
        let mut event = EventMeta {
            entry_id,
            record_id: record,
            revision: 0,
            at,
            channel,
            actor: context.actor.clone(),
            reason: context.reason.clone(),
        };
        let meta = EntryMeta { entry_id, at, channel, flags: flags.to_vec() };
        let making = match (change, &before) {
            (PromiseChange::Made(making), _) => making.clone(),
            (_, Some(promise)) => promise.made.clone(),
            (_, None) => return Err(Error::PromiseNotFound),
        };
        let named = (promise_id, case_id);
        let mut write = Change::new(context, self.clock.now());
        let entry = codec::promise_entry(&meta, named, change, &making, context);
        event.revision = write.add(record, current, entry);
        let promise = apply(before, named, change, &event).map_err(|_| Error::PromiseSettled)?;
        set(tx, &promise).await?;
        write.write(tx, record, Some(promise_id)).await
    }

    /// Breaks promises as they fall due. Never returns.
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
                    tracing::warn!(%error, detail = ?error, "cannot check promises");
                    LOOK_EVERY
                }
            };
            let made = self.signals.due.notified();
            // A timeout is not an error: one is due, or other processes may have made some.
            let _ = tokio::time::timeout(wait, made).await;
        }
    }

    /// Breaks every overdue open promise, each in its own transaction and with its due time.
    /// Returns when the next one is due. Several servers may do so at once. A promise that cannot
    /// be broken is skipped, so that it does not block others, and retried the next time.
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
                // It breaks, with its due time, once the restriction is lifted.
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
        let current = case::lock_record(&mut tx, record).await?;
        let promise = load(&mut tx, record, promise_id).await?;
        // Another server or a settlement came first.
        if promise.state != PromiseState::Open || promise.made.due_at > self.clock.now() {
            return Ok(());
        }
        let context = RequestContext {
            request_id: Uuid::nil(),
            body: [0; 16],
            actor: String::new(),
            reason: String::new(),
            time_violations: Vec::new(),
        };
        let (change, at) = (PromiseChange::Broken, promise.made.due_at);
        let event = PromiseEvent { promise_id, change: &change, channel: None, at, flags: &[] };
        let case_id = promise.case_id;
        self.append(&mut tx, (record, &current), case_id, Some(promise), event, &context).await?;
        tx.commit().await
    }

    /// Returns a promise.
    pub async fn get_promise(&self, promise_id: Uuid) -> Result<Promise, Error> {
        let content: Option<String> = on_db!(&self.db, |c| {
            sqlx::query_scalar(GET).bind(promise_id).fetch_optional(c).await?
        });
        read(&content.ok_or(Error::PromiseNotFound)?)
    }

    /// Promises of a customer after `after`, by due time, at most `limit`.
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

    /// Replays the promises of a record from its entries recorded by a time, without their stored
    /// rows.
    pub async fn replay_promises(
        &self,
        record: Uuid,
        until: Micros,
    ) -> Result<Vec<Promise>, Error> {
        let rows: Vec<(Vec<u8>,)> = on_db!(&self.db, |c| {
            sqlx::query_as(ENTRIES).bind(record).bind(MAX_REPLAYED).fetch_all(c).await?
        });
        let mut events = Vec::new();
        for (bytes,) in rows {
            let entry = payload::open(&bytes)?;
            if codec::recorded_at(&entry)? > until {
                continue;
            }
            if let Some((EntryChange::Promise { id, change }, event)) = codec::read(&entry)? {
                events.push((event.revision, (id, entry.case_id.parse().ok()), change, event));
            }
        }
        events.sort_by_key(|(revision, ..)| *revision);
        let mut promises = BTreeMap::new();
        for (_, named, change, event) in events {
            let before = promises.remove(&named.0);
            let promise =
                apply(before, named, &change, &event).map_err(|_| Error::PromiseSettled)?;
            promises.insert(named.0, promise);
        }
        Ok(promises.into_values().collect())
    }
}
