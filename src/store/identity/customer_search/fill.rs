//! Fills the search tables with existing customers, once per database. Other servers may write
//! meanwhile: they index their own changes, and surplus rows do no harm.

use uuid::Uuid;

use super::rows::{NameRow, add_names, add_parts};
use crate::{
    domain::customer_search::name_rows,
    error::Error,
    store::{
        Store,
        sql::{
            bulk::Batch,
            db::{on_db, on_tx},
            settings,
        },
        write::writes::read_profile,
    },
};

const LIST_PROFILES: &str =
    "select id, profile from customers where id > $1 order by id limit 1000";
const LIST_KEYS: &str =
    "select distinct key from identifiers where key > $1 order by key limit 1000";

pub(super) const STATEMENTS: [(&str, &str); 2] =
    [("customer_search.list_profiles", LIST_PROFILES), ("customer_search.list_keys", LIST_KEYS)];

/// The setting that records that the tables are filled.
const FILLED: &str = "customer_search_filled";

impl Store {
    /// Fills the tables, unless that was done before.
    pub(in crate::store) async fn fill_customer_search(&self) -> Result<(), Error> {
        let filled: Option<Vec<u8>> = on_db!(&self.db, |c| {
            sqlx::query_scalar(settings::GET).bind(FILLED).fetch_optional(c).await?
        });
        if filled.is_some() {
            return Ok(());
        }
        self.fill_names().await?;
        self.fill_parts().await?;
        let mut tx = self.db.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query(settings::ADD).bind(FILLED).bind(Vec::from([1_u8])).execute(c).await?;
        });
        tx.commit().await
    }

    async fn fill_names(&self) -> Result<(), Error> {
        let mut after = Uuid::nil();
        loop {
            let page: Vec<(Uuid, String)> = on_db!(&self.db, |c| {
                sqlx::query_as(LIST_PROFILES).bind(after).fetch_all(c).await?
            });
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = *last;
            let mut rows: Vec<NameRow> = Vec::new();
            for (id, profile) in &page {
                let names = name_rows(&read_profile(profile)?.profile);
                rows.extend(names.into_iter().map(|(word, other)| (word, other, *id)));
            }
            let mut tx = self.db.begin().await?;
            let mut batch = Batch::default();
            add_names(&mut tx, &mut batch, rows).await?;
            batch.write(&mut tx).await?;
            tx.commit().await?;
        }
    }

    async fn fill_parts(&self) -> Result<(), Error> {
        let mut after = String::new();
        loop {
            let keys: Vec<String> = on_db!(&self.db, |c| {
                sqlx::query_scalar(LIST_KEYS).bind(&after).fetch_all(c).await?
            });
            let Some(last) = keys.last() else { return Ok(()) };
            after.clone_from(last);
            let mut tx = self.db.begin().await?;
            let mut batch = Batch::default();
            add_parts(&mut batch, &keys);
            batch.write(&mut tx).await?;
            tx.commit().await?;
        }
    }
}
