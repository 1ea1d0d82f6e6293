//! Customers: their row, their profile and the words of their names.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    Store,
    attempt::{attempt, lost},
    bulk::{Batch, Column, Table},
    change::earlier,
    claims,
    db::{Tx, on_db, on_tx},
    person, record,
    writes::{LedgerRow, Writes, read_profile, write_profile},
};
use crate::{
    error::Error,
    model::{
        BodyHash, Customer, CustomerQuery, KeptProfile, Micros, Origin, Profile, ProfileField,
        WriteName,
    },
    story::{address, name},
};

pub(super) const SET_PROFILE: &str =
    "update customers set profile = $2, postcode_key = $3, house_number_key = $4 where id = $1";
pub(super) const REMOVE_WORDS: &str = "delete from customer_words where customer_id = $1";
pub(super) const LIST_BY_POSTCODE: &str = "select id from customers \
    where postcode_key = $1 and postcode_key <> '' and id > $2 order by id limit $3";
pub(super) const LIST_BY_HOUSE: &str = "select id from customers \
    where postcode_key = $1 and postcode_key <> '' and house_number_key = $4 and id > $2 \
    order by id limit $3";
/// A customer has a word that begins with $1, and for each of the further words of the query, in
/// $5 to $10, one that begins with that; each with the text behind it. An empty word asks nothing.
pub(super) const LIST_BY_NAME: &str = "select distinct w.customer_id from customer_words w \
    where w.word >= $1 and w.word < $2 and w.customer_id > $3 \
    and ($5 = '' or exists (select 1 from customer_words o where o.customer_id = w.customer_id \
        and o.word >= $5 and o.word < $6)) \
    and ($7 = '' or exists (select 1 from customer_words o where o.customer_id = w.customer_id \
        and o.word >= $7 and o.word < $8)) \
    and ($9 = '' or exists (select 1 from customer_words o where o.customer_id = w.customer_id \
        and o.word >= $9 and o.word < $10)) \
    order by w.customer_id limit $4";

/// How many words of a name a search compares.
pub const MAX_NAME_WORDS: usize = 4;

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
static CUSTOMER_WORDS: Table = Table { name: "customer_words", columns: &["word", "customer_id"] };

/// A change to a customer's profile.
#[derive(Clone, Debug)]
pub struct ProfileChange {
    pub customer_id: Uuid,
    pub profile: Profile,
    /// The fields to take over from `profile`.
    pub fields: Vec<ProfileField>,
    pub origin: Origin,
    /// The etag that the customer must have.
    pub expected_etag: Option<String>,
    pub request_id: Uuid,
    pub body: BodyHash,
}

impl Store {
    /// Customers found by a query, ordered by id and after `after`; at most `limit`.
    pub async fn search_customers(
        &self,
        query: &CustomerQuery,
        after: Uuid,
        limit: usize,
    ) -> Result<Vec<Customer>, Error> {
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let ids: Vec<Uuid> = match query {
            CustomerQuery::Identifier(identifier) => {
                self.find_owner(identifier).await?.filter(|id| *id > after).into_iter().collect()
            }
            CustomerQuery::Postcode { postcode, house_number: None } => on_db!(&self.db, |c| {
                let query = sqlx::query_scalar(LIST_BY_POSTCODE);
                query.bind(postcode).bind(after).bind(count).fetch_all(c).await?
            }),
            CustomerQuery::Postcode { postcode, house_number: Some(house) } => {
                on_db!(&self.db, |c| {
                    let query = sqlx::query_scalar(LIST_BY_HOUSE);
                    query.bind(postcode).bind(after).bind(count).bind(house).fetch_all(c).await?
                })
            }
            CustomerQuery::Name(words) => {
                // The longest word is the rarest.
                let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
                words.sort_by_key(|word| std::cmp::Reverse(word.len()));
                words.resize(MAX_NAME_WORDS, "");
                on_db!(&self.db, |c| {
                    let mut query = sqlx::query_scalar(LIST_BY_NAME)
                        .bind(words[0])
                        .bind(behind(words[0]))
                        .bind(after)
                        .bind(count);
                    for word in &words[1..] {
                        query = query.bind(*word).bind(behind(word));
                    }
                    query.fetch_all(c).await?
                })
            }
        };
        let mut customers = Vec::with_capacity(ids.len());
        for id in ids {
            customers.extend(self.get_customer(id).await?);
        }
        Ok(customers)
    }

    /// Changes a profile: of merged records the canonical one's, which is chosen for the whole
    /// person from then on. The same request again gives the same state of affairs and no new
    /// change.
    pub async fn update_customer(&self, change: ProfileChange) -> Result<Customer, Error> {
        let id = change.customer_id;
        let store = self.clone();
        let write = move || {
            let (store, change) = (store.clone(), change.clone());
            async move { store.try_change_profile(&change).await }
        };
        attempt(write).await.map_err(lost)?;
        self.get_customer(id).await?.ok_or(Error::CustomerNotFound)
    }

    async fn try_change_profile(&self, change: &ProfileChange) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[change.customer_id]).await?;
        if earlier(&mut tx, change.request_id, &change.body).await?.is_some() {
            return Ok(());
        }
        let id = locked.person_of(change.customer_id)?;
        let held = &locked.held[&id];
        if change.expected_etag.as_ref().is_some_and(|etag| *etag != locked.etag(id)) {
            return Err(Error::StaleEtag);
        }
        let now = self.clock.now();
        let chosen_at = held.is_merged().then_some(now);
        let mut profile = read_profile(&held.profile)?;
        for field in &change.fields {
            profile.set(&change.profile, *field, &change.origin, now, chosen_at);
        }

        let revision = held.revision + 1;
        let mut writes = Writes::default();
        writes.touched.insert(id, revision);
        writes.profiles.insert(id, profile);
        let mut batch = Batch::default();
        write(&mut tx, &mut batch, &writes, now).await?;
        claims::add_to_match_queue(&mut batch, &BTreeMap::from([(id, revision)]));
        let row = LedgerRow {
            body: change.body.to_vec(),
            customer_id: id,
            entry_id: None,
            revision,
            recorded_at: now,
            customer_created: false,
        };
        let name = WriteName::Request(change.request_id).parts();
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
    let unknown = KeptProfile::default();
    let created: Vec<(Uuid, i64, &KeptProfile)> = writes
        .created
        .iter()
        .map(|(id, revision)| (*id, *revision, writes.profiles.get(id).unwrap_or(&unknown)))
        .collect();
    let columns = vec![
        Column::Ids(created.iter().map(|row| row.0).collect()),
        Column::Integers(created.iter().map(|row| row.1).collect()),
        Column::Integers(vec![now; created.len()]),
        Column::Texts(created.iter().map(|row| write_profile(row.2)).collect()),
        Column::Texts(created.iter().map(|row| postcode_key(&row.2.profile)).collect()),
        Column::Texts(created.iter().map(|row| house_number_key(&row.2.profile)).collect()),
        Column::Ids(created.iter().map(|row| row.0).collect()),
    ];
    batch.insert(&CUSTOMERS, columns);
    for (id, revision) in &writes.touched {
        batch.set_revision(*id, *revision);
    }

    let mut words = (vec![], vec![]);
    for (id, profile) in &writes.profiles {
        if !writes.created.contains_key(id) {
            change_profile(tx, *id, profile).await?;
        }
        for word in name_words(&profile.profile) {
            words.0.push(word);
            words.1.push(*id);
        }
    }
    batch.insert(&CUSTOMER_WORDS, vec![Column::Texts(words.0), Column::Ids(words.1)]);
    Ok(())
}

async fn change_profile(tx: &mut Tx, id: Uuid, profile: &KeptProfile) -> Result<(), Error> {
    on_tx!(&mut *tx, |c| {
        sqlx::query(SET_PROFILE)
            .bind(id)
            .bind(write_profile(profile))
            .bind(postcode_key(&profile.profile))
            .bind(house_number_key(&profile.profile))
            .execute(c)
            .await?;
    });
    on_tx!(&mut *tx, |c| {
        sqlx::query(REMOVE_WORDS).bind(id).execute(c).await?;
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

/// The distinct folded words of all names of a profile.
fn name_words(profile: &Profile) -> BTreeSet<String> {
    [&profile.given_name, &profile.family_name, &profile.organisation]
        .into_iter()
        .flat_map(|text| name::fold_name(text))
        .collect()
}

/// The least text behind all that begin with an ASCII word.
fn behind(word: &str) -> String {
    format!("{word}\u{7f}")
}
