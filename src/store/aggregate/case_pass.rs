//! Case passes, issued and redeemed under the lock of the record of the case.

use uuid::Uuid;

use super::case;
use crate::{
    domain::case_pass::{Code, MAX_TRIES, seed},
    error::Error,
    model::{Case, CaseChange, Channel, EventMeta, IdempotencyKey, Micros, RequestContext},
    store::{
        Store,
        entry::codec::{self, EntryMeta},
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_db, on_tx},
        },
        write::{
            change::{Change, earlier, reused},
            writes::CustomerRecord,
        },
    },
};

pub const REMOVE: &str = "delete from case_passes where customer_id = $1 and case_id = $2";
/// Writes nothing if a live pass has the locator.
const ADD: &str = "insert into case_passes \
    (locator, customer_id, case_id, hash, tries, issued_at, expires_at) \
    values ($1, $2, $3, $4, 0, $5, $6) \
    on conflict (locator) do update set customer_id = excluded.customer_id, \
    case_id = excluded.case_id, hash = excluded.hash, tries = 0, \
    issued_at = excluded.issued_at, expires_at = excluded.expires_at \
    where case_passes.expires_at <= excluded.issued_at";
const FIND: &str = "select customer_id from case_passes where locator = $1 and expires_at > $2";
/// Writes nothing if the pass is locked.
const COUNT_TRY: &str = "update case_passes set tries = tries + 1 \
    where locator = $1 and customer_id = $2 and expires_at > $3 and tries < $4 \
    returning case_id, hash";
const GIVE_BACK: &str =
    "update case_passes set tries = tries - 1 where locator = $1 and customer_id = $2";
/// The result of an earlier call.
const REDEEMED: &str = "select body, entry_id from idempotency_keys where scope = $1 and name = $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 6] = [
    ("case_passes.remove", REMOVE),
    ("case_passes.add", ADD),
    ("case_passes.find", FIND),
    ("case_passes.count_try", COUNT_TRY),
    ("case_passes.give_back", GIVE_BACK),
    ("case_passes.redeemed", REDEEMED),
];

/// How many codes are drawn until a locator is free: with 1,000,000 live passes this fails once in
/// 10^13 calls.
const MAX_DRAWS: usize = 16;

/// A pass to issue.
#[derive(Clone, Debug)]
pub struct NewPass {
    pub case_id: Uuid,
    pub channel: Channel,
    pub valid_for: Micros,
    /// Makes a code from random bytes: [`Code::new`], or a narrower function for tests.
    pub draw: fn([u8; 32]) -> Code,
}

/// An issued pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedPass {
    /// The record of the case.
    pub record_id: Uuid,
    pub code: Code,
    pub expires_at: Micros,
}

impl Store {
    /// Issues a pass for a case, and ends the previous one. Idempotent: a pass is identified by the
    /// id of its entry, and its code is derived from that id and the key of the store.
    pub async fn issue_case_pass(
        &self,
        new: NewPass,
        context: RequestContext,
    ) -> Result<IssuedPass, Error> {
        let record = self.record_of_case(new.case_id).await?;
        let store = self.clone();
        let run = move || {
            let (store, new, context) = (store.clone(), new.clone(), context.clone());
            async move { store.try_issue(record, &new, &context).await }
        };
        attempt(run).await.map_err(lost)
    }

    async fn try_issue(
        &self,
        record: Uuid,
        new: &NewPass,
        context: &RequestContext,
    ) -> Result<IssuedPass, Error> {
        let mut tx = self.db.begin().await?;
        let current = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            let pass_id = row.entry_id.ok_or(Error::CasePassNotFound)?;
            let code = (new.draw)(seed(&self.page_key, pass_id));
            let expires_at = row.recorded_at + new.valid_for;
            return Ok(IssuedPass { record_id: record, code, expires_at });
        }
        let before = case::load(&mut tx, record, new.case_id).await?;
        let now = self.clock.now();
        let expires_at = now + new.valid_for;
        on_tx!(&mut tx, |c| {
            sqlx::query(REMOVE).bind(record).bind(new.case_id).execute(c).await?;
        });
        let (pass_id, code) = self.draw_code(&mut tx, record, new, now).await?;
        let change = CaseChange::PassIssued { expires_at };
        let write = self.pass_event(
            (record, &current),
            before,
            (pass_id, now),
            change,
            new.channel,
            context,
        )?;
        write.write(&mut tx, record, Some(pass_id)).await?;
        tx.commit().await?;
        Ok(IssuedPass { record_id: record, code, expires_at })
    }

    /// Draws codes until one has a free locator, and takes it.
    async fn draw_code(
        &self,
        tx: &mut Tx,
        record: Uuid,
        new: &NewPass,
        now: Micros,
    ) -> Result<(Uuid, Code), Error> {
        for _ in 0..MAX_DRAWS {
            let pass_id = self.clock.new_id();
            let code = (new.draw)(seed(&self.page_key, pass_id));
            // Checked first: an insert that conflicts with a pass locks it although it writes
            // nothing, and calls that hold such locks would deadlock.
            let taken: Option<Uuid> = on_tx!(&mut *tx, |c| {
                sqlx::query_scalar(FIND).bind(code.locator()).bind(now).fetch_optional(c).await?
            });
            if taken.is_some() {
                continue;
            }
            let added = on_tx!(&mut *tx, |c| {
                let query = sqlx::query(ADD)
                    .bind(code.locator())
                    .bind(record)
                    .bind(new.case_id)
                    .bind(code.hash(&self.page_key).to_vec())
                    .bind(now)
                    .bind(now + new.valid_for);
                query.execute(c).await?.rows_affected()
            });
            if added == 1 {
                return Ok((pass_id, code));
            }
        }
        Err(Error::NoCasePassLeft)
    }

    /// The entry about a pass.
    fn pass_event<'a>(
        &self,
        (record, current): (Uuid, &CustomerRecord),
        case: Case,
        (entry_id, now): (Uuid, Micros),
        change: CaseChange,
        channel: Channel,
        context: &'a RequestContext,
    ) -> Result<Change<'a>, Error> {
        let case_id = case.id;
        let channel = Some(channel);
        let meta = EntryMeta { entry_id, at: now, channel, flags: Vec::new() };
        let mut write = Change::new(context, now);
        let entry = codec::case_entry(&meta, case_id, &change, context);
        let line = EventMeta {
            entry_id,
            record_id: record,
            revision: write.add(record, current, entry),
            at: now,
            channel,
            actor: context.actor.clone(),
            reason: context.reason.clone(),
        };
        // The case does not change, so no row is written, but the change may be refused.
        case::changed(Some(case), case_id, &change, &line)?;
        Ok(write)
    }

    /// Redeems a code: returns its case, with the canonical id of the customer. Idempotent.
    pub async fn redeem_case_pass(
        &self,
        code: Code,
        channel: Channel,
        context: RequestContext,
    ) -> Result<(Case, Uuid), Error> {
        let case_id = match self.redeemed_before(&context).await? {
            Some(case_id) => case_id,
            None => {
                // Most guesses end here, without a transaction.
                let now = self.clock.now();
                let found: Option<Uuid> = on_db!(&self.db, |c| {
                    sqlx::query_scalar(FIND)
                        .bind(code.locator())
                        .bind(now)
                        .fetch_optional(c)
                        .await?
                });
                let record = found.ok_or(Error::CasePassNotFound)?;
                let store = self.clone();
                let run = move || {
                    let (store, code, context) = (store.clone(), code.clone(), context.clone());
                    async move { store.try_redeem(record, &code, channel, &context).await }
                };
                attempt(run).await.map_err(lost)?
            }
        };
        let case = self.get_case(case_id).await?;
        let customer_id = self.records_of(case.record_id).await?[0];
        Ok((case, customer_id))
    }

    async fn redeemed_before(&self, context: &RequestContext) -> Result<Option<Uuid>, Error> {
        let (scope, name) = IdempotencyKey::Request(context.request_id).parts();
        let row: Option<(Vec<u8>, Option<Uuid>)> = on_db!(&self.db, |c| {
            sqlx::query_as(REDEEMED).bind(scope).bind(name).fetch_optional(c).await?
        });
        match row {
            None => Ok(None),
            Some((body, case_id)) if body == context.body => Ok(case_id),
            Some(_) => Err(reused()),
        }
    }

    async fn try_redeem(
        &self,
        record: Uuid,
        code: &Code,
        channel: Channel,
        context: &RequestContext,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let current = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return row.entry_id.ok_or(Error::CaseNotFound);
        }
        let now = self.clock.now();
        // Counted before it is compared, so that concurrent guesses are counted separately.
        let counted: Option<(Uuid, Vec<u8>)> = on_tx!(&mut tx, |c| {
            let query = sqlx::query_as(COUNT_TRY).bind(code.locator()).bind(record);
            query.bind(now).bind(i64::from(MAX_TRIES)).fetch_optional(c).await?
        });
        let Some((case_id, hash)) = counted else {
            let found: Option<Uuid> = on_tx!(&mut tx, |c| {
                sqlx::query_scalar(FIND).bind(code.locator()).bind(now).fetch_optional(c).await?
            });
            return Err(if found == Some(record) {
                Error::CasePassLocked
            } else {
                Error::CasePassNotFound
            });
        };
        if !code.matches(&self.page_key, &hash) {
            tx.commit().await?;
            return Err(Error::CasePassNotFound);
        }
        on_tx!(&mut tx, |c| {
            sqlx::query(GIVE_BACK).bind(code.locator()).bind(record).execute(c).await?;
        });
        let case = case::load(&mut tx, record, case_id).await?;
        let told = (self.clock.new_id(), now);
        let change = CaseChange::PassRedeemed;
        let write = self.pass_event((record, &current), case, told, change, channel, context)?;
        write.write(&mut tx, record, Some(case_id)).await?;
        tx.commit().await?;
        Ok(case_id)
    }
}
