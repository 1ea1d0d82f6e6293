//! Reverses merges: removes the link, and with it what it joined.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    merge::{self, MergeRow, set_records},
    merge_exclusion, person,
};
use crate::{
    error::Error,
    model::{Customer, IdentityChange, Merge, Micros, RequestContext},
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

const ADD: &str =
    "insert into unmerges (merge_id, unmerged_at, actor, reason) values ($1, $2, $3, $4)";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 1] = [("unmerges.add", ADD)];

impl Store {
    /// Reverses a merge. Returns the person that keeps the canonical record, and the one that is
    /// split off. Idempotent.
    pub async fn unmerge(
        &self,
        merge_id: Uuid,
        exclude_merge: bool,
        context: RequestContext,
    ) -> Result<(Customer, Customer), Error> {
        let merge = self.get_merge(merge_id).await?.ok_or(Error::MergeNotFound)?;
        let (into, from) = (merge.into_id, merge.from_id);
        self.ensure_not_restricted(into)?;
        let store = self.clone();
        let write = move || {
            let (store, merge, context) = (store.clone(), merge.clone(), context.clone());
            async move { store.try_unmerge(&merge, exclude_merge, &context).await }
        };
        attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        let one = self.get_customer(into).await?.ok_or(Error::CustomerNotFound)?;
        let other = self.get_customer(from).await?.ok_or(Error::CustomerNotFound)?;
        Ok((one, other))
    }

    async fn try_unmerge(
        &self,
        merge: &Merge,
        exclude_merge: bool,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let (into, from) = (merge.into_id, merge.from_id);
        let locked = person::lock(&mut tx, &[into, from]).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(());
        }
        locked.ensure_not_on_hold()?;
        let all: Vec<Uuid> = locked.records.keys().copied().collect();
        let rows: Vec<MergeRow> = tx.by_ids(dialect::MERGES_IN_FORCE, &all).await?;
        let in_force: Vec<Merge> = rows.into_iter().map(merge::merge).collect::<Result<_, _>>()?;
        if !in_force.iter().any(|other| other.id == merge.id) {
            return Err(Error::AlreadyUnmerged);
        }
        let apart = subtree(from, &in_force);
        let in_use = dependants(merge.id, &apart, &in_force);
        if !in_use.is_empty() {
            return Err(Error::MergeInUse(in_use));
        }

        let now = self.clock.now();
        let root = locked.person_of(into)?;
        add(&mut tx, merge.id, context, now).await?;
        let apart: Vec<Uuid> = apart.into_iter().collect();
        let rest: Vec<Uuid> = all.iter().filter(|id| !apart.contains(id)).copied().collect();
        tx.set_person(&apart, from).await?;
        tx.set_person(&rest, root).await?;
        set_records(&mut tx, from, apart.len()).await?;
        set_records(&mut tx, root, rest.len()).await?;

        let mut change = Change::new(context, now);
        change.touch(root, &locked.records[&root]);
        let merge_id = merge.id;
        for (record, other_id) in [(into, from), (from, into)] {
            let unmerged = IdentityChange::Unmerged { other_id, merge_id };
            change.add_identity_entry(
                record,
                &locked.records[&record],
                self.clock.new_id(),
                &unmerged,
            );
            if exclude_merge {
                let excluded = IdentityChange::MergeExcluded { other_id };
                change.add_identity_entry(
                    record,
                    &locked.records[&record],
                    self.clock.new_id(),
                    &excluded,
                );
            }
        }
        if exclude_merge {
            merge_exclusion::add(&mut tx, into, from, context, now).await?;
        }
        // Unmerged, they may be suggested again.
        change.compare(from, &locked.records[&from]);
        change.write(&mut tx, into, None).await?;
        tx.commit().await
    }
}

/// A record with all records merged into it, directly or not.
fn subtree(root: Uuid, merges: &[Merge]) -> BTreeSet<Uuid> {
    let mut found = BTreeSet::from([root]);
    loop {
        let before = found.len();
        let below = merges.iter().filter(|merge| found.contains(&merge.into_id));
        let below: Vec<Uuid> = below.map(|merge| merge.from_id).collect();
        found.extend(below);
        if found.len() == before {
            return found;
        }
    }
}

/// The merges that depend on this one: requested for a record of the part that would be split off,
/// while they link the part that stays. The reason for them would be lost.
fn dependants(merge_id: Uuid, apart: &BTreeSet<Uuid>, merges: &[Merge]) -> Vec<Uuid> {
    let by_way = |context: Uuid, tied: Uuid| apart.contains(&context) && !apart.contains(&tied);
    let others = merges.iter().filter(|merge| merge.id != merge_id);
    let dependants = others.filter(|merge| {
        by_way(merge.asked_from_id, merge.from_id) || by_way(merge.asked_into_id, merge.into_id)
    });
    dependants.map(|merge| merge.id).collect()
}

async fn add(
    tx: &mut Tx,
    merge_id: Uuid,
    context: &RequestContext,
    now: Micros,
) -> Result<(), Error> {
    on_tx!(tx, |c| {
        sqlx::query(ADD)
            .bind(merge_id)
            .bind(now)
            .bind(&context.actor)
            .bind(&context.reason)
            .execute(c)
            .await?;
    });
    Ok(())
}
