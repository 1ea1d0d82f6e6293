//! Customers: their row and their profile.

use uuid::Uuid;

use super::{
    Store,
    bulk::{Batch, Column, Table},
    customer_search,
    db::{Tx, on_db, on_tx},
    dialect,
    plan::{LedgerRow, Writes, read_profile, write_profile},
    record,
};
use crate::{
    error::{Error, InvalidReason, Violation},
    model::{
        BodyHash, Customer, Identifier, IdentifierKind, KeptIdentifier, Micros, Profile,
        ProfileField, WriteName,
    },
    story::address,
};

pub(super) const GET: &str =
    "select id, revision, created_at, profile from customers where id = $1";
pub(super) const FIND_OWNER: &str = "select customer_id from identifiers where key = $1";
pub(super) const LIST_IDENTIFIERS: &str = "select key, raw_value, \
    mixed_script, first_seen_at from identifiers \
    where customer_id = $1 order by first_seen_at, key limit 200";
pub(super) const SET_PROFILE: &str =
    "update customers set profile = $2, postcode_key = $3, house_number_key = $4 where id = $1";

static CUSTOMERS: Table = Table {
    name: "customers",
    columns: &["id", "revision", "created_at", "profile", "postcode_key", "house_number_key"],
};

/// A change to a customer's profile.
#[derive(Clone, Debug)]
pub struct ProfileChange {
    pub customer_id: Uuid,
    pub profile: Profile,
    /// The fields to take over from `profile`.
    pub fields: Vec<ProfileField>,
    /// The revision that the change was made from.
    pub expected_revision: Option<i64>,
    pub request_id: Uuid,
    pub body: BodyHash,
}

impl Store {
    /// One customer with its identifiers.
    pub async fn get_customer(&self, id: Uuid) -> Result<Option<Customer>, Error> {
        let row: Option<(Uuid, i64, i64, String)> =
            on_db!(&self.db, |c| { sqlx::query_as(GET).bind(id).fetch_optional(c).await? });
        let Some((id, revision, created_at, profile)) = row else { return Ok(None) };
        let rows: Vec<(String, String, bool, i64)> =
            on_db!(&self.db, |c| { sqlx::query_as(LIST_IDENTIFIERS).bind(id).fetch_all(c).await? });
        let identifiers = rows.into_iter().map(kept).collect::<Result<_, _>>()?;
        let profile = read_profile(&profile)?;
        Ok(Some(Customer { id, revision, created_at, profile, identifiers }))
    }

    /// The customer that an identifier names.
    pub async fn find_owner(&self, identifier: &Identifier) -> Result<Option<Uuid>, Error> {
        let key = identifier.key();
        Ok(on_db!(&self.db, |c| {
            sqlx::query_scalar(FIND_OWNER).bind(key).fetch_optional(c).await?
        }))
    }

    /// Changes a profile. The same request again gives the same state of affairs and no new change.
    pub async fn update_customer(&self, change: ProfileChange) -> Result<Customer, Error> {
        let id = change.customer_id;
        let store = self.clone();
        let task = tokio::spawn(async move { store.change_profile(&change).await });
        task.await.map_err(|_| Error::Internal("a write task failed".to_owned()))??;
        self.get_customer(id).await?.ok_or(Error::CustomerNotFound)
    }

    async fn change_profile(&self, change: &ProfileChange) -> Result<(), Error> {
        for _ in 0..3 {
            match self.try_change_profile(change).await {
                Err(Error::LostRace) => {}
                result => return result,
            }
        }
        Err(Error::Unavailable("a profile change lost three races".to_owned()))
    }

    async fn try_change_profile(&self, change: &ProfileChange) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let id = change.customer_id;
        let mut rows: Vec<(Uuid, i64, String)> = tx.by_ids(dialect::LOCK_CUSTOMERS, &[id]).await?;
        let (_, revision, profile) = rows.pop().ok_or(Error::CustomerNotFound)?;

        let name = WriteName::Request(change.request_id).parts();
        if let Some(row) =
            record::find_writes(&mut tx, std::slice::from_ref(&name)).await?.get(&name)
        {
            if row.body == change.body && row.entry_id.is_none() {
                return Ok(());
            }
            let violation = Violation::new("request_id", "was used before with another content");
            let reason = InvalidReason::RequestIdReused;
            return Err(Error::Invalid(vec![Violation { reason, ..violation }]));
        }
        if change.expected_revision.is_some_and(|expected| expected != revision) {
            return Err(Error::StaleEtag);
        }
        let mut profile = read_profile(&profile)?;
        profile.set_from(&change.profile, &change.fields);

        let now = self.clock.now();
        let mut writes = Writes::default();
        writes.touched.insert(id, revision + 1);
        writes.profiles.insert(id, profile);
        let mut batch = Batch::default();
        write(&mut tx, &mut batch, &writes, now).await?;
        let row = LedgerRow {
            body: change.body.to_vec(),
            customer_id: id,
            entry_id: None,
            revision: revision + 1,
            recorded_at: now,
            customer_created: false,
        };
        record::add_to_ledger(&mut batch, vec![(name, row)]);
        batch.write(&mut tx).await?;
        tx.commit().await
    }
}

/// Adds the customers of a batch: new ones, revisions, profiles and the words of names. What a
/// profile had before is changed at once.
pub(super) async fn write(
    tx: &mut Tx,
    batch: &mut Batch,
    writes: &Writes,
    now: Micros,
) -> Result<(), Error> {
    let unknown = Profile::default();
    let created: Vec<(Uuid, i64, &Profile)> = writes
        .created
        .iter()
        .map(|(id, revision)| (*id, *revision, writes.profiles.get(id).unwrap_or(&unknown)))
        .collect();
    let columns = vec![
        Column::Ids(created.iter().map(|row| row.0).collect()),
        Column::Integers(created.iter().map(|row| row.1).collect()),
        Column::Integers(vec![now; created.len()]),
        Column::Texts(created.iter().map(|row| write_profile(row.2)).collect()),
        Column::Texts(created.iter().map(|row| postcode_key(row.2)).collect()),
        Column::Texts(created.iter().map(|row| house_number_key(row.2)).collect()),
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

async fn change_profile(tx: &mut Tx, id: Uuid, profile: &Profile) -> Result<(), Error> {
    on_tx!(&mut *tx, |c| {
        sqlx::query(SET_PROFILE)
            .bind(id)
            .bind(write_profile(profile))
            .bind(postcode_key(profile))
            .bind(house_number_key(profile))
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

/// An identifier out of its row.
pub(super) fn kept(row: (String, String, bool, i64)) -> Result<KeptIdentifier, Error> {
    let (key, raw, mixed_script, first_seen_at) = row;
    let unreadable = Error::Inconsistent { table: "identifiers", column: "key" };
    let parts = key.split_once(':').and_then(|(kind, rest)| {
        let (namespace, value) = rest.split_once('/')?;
        Some((IdentifierKind::from_code(kind)?, namespace.to_owned(), value.to_owned()))
    });
    let (kind, namespace, value) = parts.ok_or(unreadable)?;
    let identifier = Identifier { kind, namespace, value, raw, mixed_script };
    Ok(KeptIdentifier { identifier, first_seen_at })
}
