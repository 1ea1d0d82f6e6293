//! Case passes: issued, and redeemed. All of it happens under the lock of the record of the case.

use uuid::Uuid;

use super::{
    Store,
    attempt::{attempt, lost},
    case,
    change::{Change, earlier, reused},
    db::{Tx, on_db, on_tx},
    told::{self, Scene},
    writes::Held,
};
use crate::{
    error::Error,
    model::{Asked, Case, CaseChange, Channel, Line, Micros, WriteName},
    story::case_pass::{Code, MAX_TRIES, seed},
};

pub(super) const REMOVE: &str = "delete from case_passes where customer_id = $1 and case_id = $2";
/// Writes nothing where a pass that lives has the locator.
pub(super) const ADD: &str = "insert into case_passes \
    (locator, customer_id, case_id, hash, tries, issued_at, expires_at) \
    values ($1, $2, $3, $4, 0, $5, $6) \
    on conflict (locator) do update set customer_id = excluded.customer_id, \
    case_id = excluded.case_id, hash = excluded.hash, tries = 0, \
    issued_at = excluded.issued_at, expires_at = excluded.expires_at \
    where case_passes.expires_at <= excluded.issued_at";
pub(super) const FIND: &str =
    "select customer_id from case_passes where locator = $1 and expires_at > $2";
/// Writes nothing where the pass is locked.
pub(super) const COUNT_TRY: &str = "update case_passes set tries = tries + 1 \
    where locator = $1 and customer_id = $2 and expires_at > $3 and tries < $4 \
    returning case_id, hash";
pub(super) const GIVE_BACK: &str =
    "update case_passes set tries = tries - 1 where locator = $1 and customer_id = $2";
/// What an earlier call left.
pub(super) const REDEEMED: &str =
    "select body, entry_id from ledger where scope = $1 and name = $2";

/// How many codes are drawn until one is free: with 1,000,000 passes that live none is so once in
/// 10^13 calls.
const MAX_DRAWS: usize = 16;

/// A pass to be issued.
#[derive(Clone, Debug)]
pub struct NewPass {
    pub case_id: Uuid,
    pub channel: Channel,
    pub valid_for: Micros,
    /// Makes a code of random bytes: [`Code::new`], or one that tests fill up sooner.
    pub draw: fn([u8; 32]) -> Code,
}

/// A pass that was issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuedPass {
    /// The record of the case.
    pub record_id: Uuid,
    pub code: Code,
    pub expires_at: Micros,
}

impl Store {
    /// Issues a pass of a case, and ends the one before. The same request again gives the same
    /// code: a pass is named by the id of the entry that tells of it, and its code follows from
    /// that and the key of the store.
    pub async fn issue_case_pass(&self, new: NewPass, asked: Asked) -> Result<IssuedPass, Error> {
        let record = self.record_of_case(new.case_id).await?;
        let store = self.clone();
        let run = move || {
            let (store, new, asked) = (store.clone(), new.clone(), asked.clone());
            async move { store.try_issue(record, &new, &asked).await }
        };
        attempt(run).await.map_err(lost)
    }

    async fn try_issue(
        &self,
        record: Uuid,
        new: &NewPass,
        asked: &Asked,
    ) -> Result<IssuedPass, Error> {
        let mut tx = self.db.begin().await?;
        let held = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, asked).await? {
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
        let write =
            self.tell_of_pass((record, &held), before, (pass_id, now), change, new.channel, asked)?;
        write.write(&mut tx, record, Some(pass_id)).await?;
        tx.commit().await?;
        Ok(IssuedPass { record_id: record, code, expires_at })
    }

    /// Draws codes until one has a locator that is free, and takes it.
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
            // Looked for first: an insert that meets a pass locks it, though it writes nothing, and
            // calls that held what they had met would wait for each other.
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

    /// The entry of what happens to a pass.
    fn tell_of_pass<'a>(
        &self,
        (record, held): (Uuid, &Held),
        case: Case,
        (entry_id, now): (Uuid, Micros),
        change: CaseChange,
        channel: Channel,
        asked: &'a Asked,
    ) -> Result<Change<'a>, Error> {
        let case_id = case.id;
        let channel = Some(channel);
        let scene = Scene { entry_id, at: now, channel, flags: Vec::new() };
        let mut write = Change::new(asked, now);
        let entry = told::case_entry(&scene, case_id, &change, asked);
        let line = Line {
            entry_id,
            record_id: record,
            revision: write.add(record, held, entry),
            at: now,
            channel,
            actor: asked.actor.clone(),
            reason: asked.reason.clone(),
        };
        // The case stays as it is: there is no row to write, but the change may be refused.
        case::changed(Some(case), case_id, &change, &line)?;
        Ok(write)
    }

    /// The case of a code, with the canonical id of its customer. The same request again gives it
    /// again.
    pub async fn redeem_case_pass(
        &self,
        code: Code,
        channel: Channel,
        asked: Asked,
    ) -> Result<(Case, Uuid), Error> {
        let case_id = match self.redeemed_before(&asked).await? {
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
                    let (store, code, asked) = (store.clone(), code.clone(), asked.clone());
                    async move { store.try_redeem(record, &code, channel, &asked).await }
                };
                attempt(run).await.map_err(lost)?
            }
        };
        let case = self.get_case(case_id).await?;
        let customer_id = self.records_of(case.record_id).await?[0];
        Ok((case, customer_id))
    }

    async fn redeemed_before(&self, asked: &Asked) -> Result<Option<Uuid>, Error> {
        let (scope, name) = WriteName::Request(asked.request_id).parts();
        let row: Option<(Vec<u8>, Option<Uuid>)> = on_db!(&self.db, |c| {
            sqlx::query_as(REDEEMED).bind(scope).bind(name).fetch_optional(c).await?
        });
        match row {
            None => Ok(None),
            Some((body, case_id)) if body == asked.body => Ok(case_id),
            Some(_) => Err(reused()),
        }
    }

    async fn try_redeem(
        &self,
        record: Uuid,
        code: &Code,
        channel: Channel,
        asked: &Asked,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let held = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, asked).await? {
            return row.entry_id.ok_or(Error::CaseNotFound);
        }
        let now = self.clock.now();
        // Counted before it is compared, so that no two guesses are the same try.
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
        let write = self.tell_of_pass((record, &held), case, told, change, channel, asked)?;
        write.write(&mut tx, record, Some(case_id)).await?;
        tx.commit().await?;
        Ok(case_id)
    }
}
