//! Merge exclusions: two customers that must never be merged.

use uuid::Uuid;

use super::person;
use crate::{
    error::Error,
    model::{IdentityChange, Micros, RequestContext},
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_tx},
            dialect,
        },
        write::change::{Change, earlier},
    },
};

const ADD: &str = "insert into merge_exclusions \
    (one_id, other_id, marked_at, actor, reason) \
    values ($1, $2, $3, $4, $5) on conflict (one_id, other_id) do nothing";
const REMOVE: &str = "delete from merge_exclusions where one_id = $1 and other_id = $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 2] =
    [("merge_exclusions.add", ADD), ("merge_exclusions.remove", REMOVE)];

/// Of the exclusions of one person's records, those with another person's.
pub fn between(exclusions: Vec<(Uuid, Uuid)>, other: &[Uuid]) -> Vec<(Uuid, Uuid)> {
    let is_of_other = |(a, b): &(Uuid, Uuid)| other.contains(a) || other.contains(b);
    exclusions.into_iter().filter(is_of_other).collect()
}

/// Excludes two records.
pub async fn add(
    tx: &mut Tx,
    one: Uuid,
    other: Uuid,
    context: &RequestContext,
    now: Micros,
) -> Result<(), Error> {
    on_tx!(tx, |c| {
        sqlx::query(ADD)
            .bind(one.min(other))
            .bind(one.max(other))
            .bind(now)
            .bind(&context.actor)
            .bind(&context.reason)
            .execute(c)
            .await?;
    });
    Ok(())
}

impl Store {
    /// Excludes two customers from being merged, or lifts all exclusions between them. Idempotent.
    pub async fn exclude_merge(
        &self,
        one: Uuid,
        other: Uuid,
        lift: bool,
        context: RequestContext,
    ) -> Result<(), Error> {
        let store = self.clone();
        let write = move || {
            let (store, context) = (store.clone(), context.clone());
            async move { store.try_keep_apart(one, other, lift, &context).await }
        };
        attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        Ok(())
    }

    async fn try_keep_apart(
        &self,
        one: Uuid,
        other: Uuid,
        lift: bool,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[one, other]).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(());
        }
        let (first, second) = (locked.person_of(one)?, locked.person_of(other)?);
        if first == second {
            return Err(Error::AlreadyMerged);
        }
        let exclusions = tx.by_ids(dialect::EXCLUSIONS_OF, &locked.records_of(first)).await?;
        let exclusions = between(exclusions, &locked.records_of(second));
        let now = self.clock.now();
        let mut change = Change::new(context, now);
        if exclusions.is_empty() != lift {
            for (record, other_id) in [(one, other), (other, one)] {
                let told = if lift {
                    IdentityChange::MergeExclusionLifted { other_id }
                } else {
                    IdentityChange::MergeExcluded { other_id }
                };
                change.add_identity_entry(
                    record,
                    &locked.records[&record],
                    self.clock.new_id(),
                    &told,
                );
            }
            if lift {
                for (a, b) in exclusions {
                    on_tx!(&mut tx, |c| {
                        sqlx::query(REMOVE).bind(a).bind(b).execute(c).await?;
                    });
                }
            } else {
                add(&mut tx, one, other, context, now).await?;
            }
            // They may be suggested again, or no longer.
            change.compare(one, &locked.records[&one]);
        }
        change.write(&mut tx, one, None).await?;
        tx.commit().await
    }
}
