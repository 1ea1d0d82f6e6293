//! Taking a merge back: the link goes, and with it whatever it joined.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::{
    Store,
    attempt::{attempt, lost},
    change::{Change, earlier},
    db::{Tx, on_tx},
    dialect, kept_apart,
    merge::{self, MergeRow, set_records},
    person,
};
use crate::{
    error::Error,
    model::{Asked, Customer, IdentityChange, Merge, Micros},
};

pub(super) const ADD: &str =
    "insert into unmerges (merge_id, unmerged_at, actor, reason) values ($1, $2, $3, $4)";

impl Store {
    /// Takes a merge back. Gives the person that keeps the canonical record, and the one that is
    /// apart since. The same request again changes nothing more.
    pub async fn unmerge(
        &self,
        merge_id: Uuid,
        keep_apart: bool,
        asked: Asked,
    ) -> Result<(Customer, Customer), Error> {
        let merge = self.get_merge(merge_id).await?.ok_or(Error::MergeNotFound)?;
        let (into, from) = (merge.into_id, merge.from_id);
        self.refuse_restricted(into)?;
        let store = self.clone();
        let write = move || {
            let (store, merge, asked) = (store.clone(), merge.clone(), asked.clone());
            async move { store.try_unmerge(&merge, keep_apart, &asked).await }
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
        keep_apart: bool,
        asked: &Asked,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let (into, from) = (merge.into_id, merge.from_id);
        let locked = person::lock(&mut tx, &[into, from]).await?;
        if earlier(&mut tx, asked).await?.is_some() {
            return Ok(());
        }
        locked.refuse_held()?;
        let all: Vec<Uuid> = locked.held.keys().copied().collect();
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
        add(&mut tx, merge.id, asked, now).await?;
        let apart: Vec<Uuid> = apart.into_iter().collect();
        let rest: Vec<Uuid> = all.iter().filter(|id| !apart.contains(id)).copied().collect();
        tx.set_person(&apart, from).await?;
        tx.set_person(&rest, root).await?;
        set_records(&mut tx, from, apart.len()).await?;
        set_records(&mut tx, root, rest.len()).await?;

        let mut change = Change::new(asked, now);
        change.touch(root, &locked.held[&root]);
        let merge_id = merge.id;
        for (record, other_id) in [(into, from), (from, into)] {
            let unmerged = IdentityChange::Unmerged { other_id, merge_id };
            change.tell(record, &locked.held[&record], self.clock.new_id(), &unmerged);
            if keep_apart {
                let kept_apart = IdentityChange::KeptApart { other_id };
                change.tell(record, &locked.held[&record], self.clock.new_id(), &kept_apart);
            }
        }
        if keep_apart {
            kept_apart::add(&mut tx, into, from, asked, now).await?;
        }
        // Apart, they may be suggested again.
        change.compare(from, &locked.held[&from]);
        change.write(&mut tx, into, None).await?;
        tx.commit().await
    }
}

/// A record with all that were joined to it, directly or not.
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

/// The merges made by way of this one: asked for a record of the part that would go, while they tie
/// the part that stays. The reason for them would go with it.
fn dependants(merge_id: Uuid, apart: &BTreeSet<Uuid>, merges: &[Merge]) -> Vec<Uuid> {
    let by_way = |asked: Uuid, tied: Uuid| apart.contains(&asked) && !apart.contains(&tied);
    let others = merges.iter().filter(|merge| merge.id != merge_id);
    let dependants = others.filter(|merge| {
        by_way(merge.asked_from_id, merge.from_id) || by_way(merge.asked_into_id, merge.into_id)
    });
    dependants.map(|merge| merge.id).collect()
}

async fn add(tx: &mut Tx, merge_id: Uuid, asked: &Asked, now: Micros) -> Result<(), Error> {
    on_tx!(tx, |c| {
        sqlx::query(ADD)
            .bind(merge_id)
            .bind(now)
            .bind(&asked.actor)
            .bind(&asked.reason)
            .execute(c)
            .await?;
    });
    Ok(())
}
