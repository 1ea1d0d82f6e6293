//! Rows and profiles of customers.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{customer_search, person};
use crate::{
    domain::address,
    error::Error,
    model::{
        Customer, IdempotencyKey, Micros, Origin, Profile, ProfileField, RequestContext,
        StoredProfile,
    },
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::{Batch, Column, Table},
            db::{Tx, on_tx},
        },
        write::{
            change::earlier,
            idempotency, match_queue,
            writes::{IdempotencyRow, Writes, read_profile, write_profile},
        },
    },
};

const SET_PROFILE: &str =
    "update customers set profile = $2, postcode_key = $3, house_number_key = $4 where id = $1";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 1] = [("customers.set_profile", SET_PROFILE)];

static CUSTOMERS: Table = Table {
    name: "customers",
    columns: &[
        "id",
        "revision",
        "created_at",
        "profile",
        "postcode_key",
        "house_number_key",
        "person_id",
    ],
};

/// A requested change of a profile.
#[derive(Clone, Debug)]
pub struct ProfileChange {
    pub customer_id: Uuid,
    pub profile: Profile,
    /// The fields to take over from `profile`.
    pub fields: Vec<ProfileField>,
    pub origin: Origin,
    /// The expected etag of the customer.
    pub expected_etag: Option<String>,
    pub context: RequestContext,
}

impl Store {
    /// Changes a profile: for merged records that of the canonical one, and the values are chosen
    /// for the whole person. Idempotent.
    pub async fn update_customer(&self, change: ProfileChange) -> Result<Customer, Error> {
        let id = change.customer_id;
        let store = self.clone();
        let write = move || {
            let (store, change) = (store.clone(), change.clone());
            async move { store.try_change_profile(&change).await }
        };
        attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        self.get_customer(id).await?.ok_or(Error::CustomerNotFound)
    }

    async fn try_change_profile(&self, change: &ProfileChange) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[change.customer_id]).await?;
        if earlier(&mut tx, &change.context).await?.is_some() {
            return Ok(());
        }
        let id = locked.person_of(change.customer_id)?;
        let current = &locked.records[&id];
        if change.expected_etag.as_ref().is_some_and(|etag| *etag != locked.etag(id)) {
            return Err(Error::StaleEtag);
        }
        let now = self.clock.now();
        let chosen_at = current.is_merged().then_some(now);
        let mut profile = read_profile(&current.profile)?;
        for field in &change.fields {
            profile.set(&change.profile, *field, &change.origin, now, chosen_at);
        }

        let revision = current.revision + 1;
        let mut writes = Writes::default();
        writes.touched.insert(id, revision);
        writes.profiles.insert(id, profile);
        let mut batch = Batch::default();
        write(&mut tx, &mut batch, &writes, now).await?;
        match_queue::add_to_match_queue(&mut batch, &BTreeMap::from([(id, revision)]));
        let row = IdempotencyRow {
            body: change.context.body.to_vec(),
            customer_id: id,
            entry_id: None,
            revision,
            recorded_at: now,
            customer_created: false,
        };
        let name = IdempotencyKey::Request(change.context.request_id).parts();
        idempotency::add_idempotency_keys(&mut batch, vec![(name, row)]);
        batch.write(&mut tx).await?;
        tx.commit().await
    }
}

/// Writes the customers of a batch: new ones, revisions, profiles and name words. Name rows of
/// changed profiles are updated at once.
pub async fn write(
    tx: &mut Tx,
    batch: &mut Batch,
    writes: &Writes,
    now: Micros,
) -> Result<(), Error> {
    let unknown = StoredProfile::default();
    let created: Vec<(Uuid, i64, &StoredProfile)> = writes
        .created
        .iter()
        .map(|(id, revision)| (*id, *revision, writes.profiles.get(id).unwrap_or(&unknown)))
        .collect();
    let columns = vec![
        Column::Ids(created.iter().map(|row| row.0).collect()),
        Column::Integers(created.iter().map(|row| row.1).collect()),
        Column::Integers(vec![now; created.len()]),
        Column::Texts(created.iter().map(|row| write_profile(row.2)).collect::<Result<_, _>>()?),
        Column::Texts(created.iter().map(|row| postcode_key(&row.2.profile)).collect()),
        Column::Texts(created.iter().map(|row| house_number_key(&row.2.profile)).collect()),
        Column::Ids(created.iter().map(|row| row.0).collect()),
    ];
    batch.insert(&CUSTOMERS, columns);
    for (id, revision) in &writes.touched {
        batch.set_revision(*id, *revision);
    }

    customer_search::change_names(tx, batch, writes).await?;
    for (id, profile) in &writes.profiles {
        if !writes.created.contains_key(id) {
            change_profile(tx, *id, profile).await?;
        }
    }
    Ok(())
}

async fn change_profile(tx: &mut Tx, id: Uuid, profile: &StoredProfile) -> Result<(), Error> {
    let stored = write_profile(profile)?;
    on_tx!(&mut *tx, |c| {
        sqlx::query(SET_PROFILE)
            .bind(id)
            .bind(stored)
            .bind(postcode_key(&profile.profile))
            .bind(house_number_key(&profile.profile))
            .execute(c)
            .await?;
    });
    Ok(())
}

fn postcode_key(profile: &Profile) -> String {
    address::postcode_key(&profile.address.postcode)
}

fn house_number_key(profile: &Profile) -> String {
    let address = &profile.address;
    if address.house_number.is_empty() {
        address::house_number_of(&address.lines).unwrap_or_default()
    } else {
        address::house_number_key(&address.house_number)
    }
}
