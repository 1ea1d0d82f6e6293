//! Marks: two customers never to be merged.

use uuid::Uuid;

use super::{
    Store,
    attempt::{attempt, lost},
    change::{Change, earlier},
    db::{Tx, on_tx},
    dialect, person,
};
use crate::{
    error::Error,
    model::{Asked, IdentityChange, Micros},
};

pub(super) const ADD: &str = "insert into kept_apart (one_id, other_id, marked_at, actor, reason) \
    values ($1, $2, $3, $4, $5) on conflict (one_id, other_id) do nothing";
pub(super) const REMOVE: &str = "delete from kept_apart where one_id = $1 and other_id = $2";

/// Of the marks of one person's records, those with another's.
pub(super) fn between(marks: Vec<(Uuid, Uuid)>, other: &[Uuid]) -> Vec<(Uuid, Uuid)> {
    let is_of_other = |(a, b): &(Uuid, Uuid)| other.contains(a) || other.contains(b);
    marks.into_iter().filter(is_of_other).collect()
}

/// Marks two records.
pub(super) async fn add(
    tx: &mut Tx,
    one: Uuid,
    other: Uuid,
    asked: &Asked,
    now: Micros,
) -> Result<(), Error> {
    on_tx!(tx, |c| {
        sqlx::query(ADD)
            .bind(one.min(other))
            .bind(one.max(other))
            .bind(now)
            .bind(&asked.actor)
            .bind(&asked.reason)
            .execute(c)
            .await?;
    });
    Ok(())
}

impl Store {
    /// Marks two customers never to be merged, or lifts every mark between them. One that is marked
    /// already, or was not, changes nothing.
    pub async fn keep_apart(
        &self,
        one: Uuid,
        other: Uuid,
        lift: bool,
        asked: Asked,
    ) -> Result<(), Error> {
        let store = self.clone();
        let write = move || {
            let (store, asked) = (store.clone(), asked.clone());
            async move { store.try_keep_apart(one, other, lift, &asked).await }
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
        asked: &Asked,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[one, other]).await?;
        if earlier(&mut tx, asked).await?.is_some() {
            return Ok(());
        }
        let (first, second) = (locked.person_of(one)?, locked.person_of(other)?);
        if first == second {
            return Err(Error::AlreadyMerged);
        }
        let marks = tx.by_ids(dialect::MARKS_OF, &locked.records_of(first)).await?;
        let marks = between(marks, &locked.records_of(second));
        let now = self.clock.now();
        let mut change = Change::new(asked, now);
        if marks.is_empty() != lift {
            for (record, other_id) in [(one, other), (other, one)] {
                let told = if lift {
                    IdentityChange::KeptApartLifted { other_id }
                } else {
                    IdentityChange::KeptApart { other_id }
                };
                change.tell(record, &locked.held[&record], self.clock.new_id(), &told);
            }
            if lift {
                for (a, b) in marks {
                    on_tx!(&mut tx, |c| {
                        sqlx::query(REMOVE).bind(a).bind(b).execute(c).await?;
                    });
                }
            } else {
                add(&mut tx, one, other, asked, now).await?;
            }
            // They may be suggested again, or may not any more.
            change.compare(one, &locked.held[&one]);
        }
        change.write(&mut tx, one, None).await?;
        tx.commit().await
    }
}
