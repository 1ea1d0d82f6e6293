//! Approvals of merges by a second person.

use uuid::Uuid;

use super::person;
use crate::{
    error::Error,
    model::{Micros, RequestContext},
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_tx},
        },
        write::change::{Change, earlier},
    },
};

/// How long an approval is valid: 7 days.
const VALID: Micros = 7 * 24 * 3600 * 1_000_000;

const ADD: &str = "insert into merge_approvals \
    (one_id, other_id, actor, reason, expires_at) values ($1, $2, $3, $4, $5) \
    on conflict (one_id, other_id, actor) do update \
    set reason = excluded.reason, expires_at = excluded.expires_at";
const FIND: &str = "select actor from merge_approvals \
    where one_id = $1 and other_id = $2 and actor <> $3 and expires_at > $4 \
    order by actor limit 1";
const REMOVE: &str = "delete from merge_approvals where one_id = $1 and other_id = $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 3] =
    [("approvals.add", ADD), ("approvals.find", FIND), ("approvals.remove", REMOVE)];

/// Consumes the approvals by others than `actor`, and returns who gave them.
pub async fn take(
    tx: &mut Tx,
    one: Uuid,
    other: Uuid,
    actor: &str,
    now: Micros,
) -> Result<Option<String>, Error> {
    let (one, other) = (one.min(other), one.max(other));
    let found: Option<String> = on_tx!(&mut *tx, |c| {
        let query = sqlx::query_scalar(FIND).bind(one).bind(other).bind(actor).bind(now);
        query.fetch_optional(c).await?
    });
    if found.is_some() {
        on_tx!(tx, |c| {
            sqlx::query(REMOVE).bind(one).bind(other).execute(c).await?;
        });
    }
    Ok(found)
}

impl Store {
    /// Approves the merge of two customers by somebody else, and returns when the approval expires.
    pub async fn approve_merge(
        &self,
        one: Uuid,
        other: Uuid,
        context: RequestContext,
    ) -> Result<Micros, Error> {
        let store = self.clone();
        let write = move || {
            let (store, context) = (store.clone(), context.clone());
            async move { store.try_approve(one, other, &context).await }
        };
        attempt(write).await.map_err(lost)
    }

    async fn try_approve(
        &self,
        one: Uuid,
        other: Uuid,
        context: &RequestContext,
    ) -> Result<Micros, Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[one, other]).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return Ok(row.recorded_at + VALID);
        }
        let (first, second) = (locked.person_of(one)?, locked.person_of(other)?);
        if first == second {
            return Err(Error::AlreadyMerged);
        }
        let now = self.clock.now();
        on_tx!(&mut tx, |c| {
            sqlx::query(ADD)
                .bind(first.min(second))
                .bind(first.max(second))
                .bind(&context.actor)
                .bind(&context.reason)
                .bind(now + VALID)
                .execute(c)
                .await?;
        });
        Change::new(context, now).write(&mut tx, one, None).await?;
        tx.commit().await?;
        Ok(now + VALID)
    }
}
