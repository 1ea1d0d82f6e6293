//! Fills the recording order of existing entries, once per database. Other servers may write
//! meanwhile: they add the rows of their own entries.

use uuid::Uuid;

use crate::{
    error::Error,
    model::Micros,
    store::{
        Store,
        entry::payload,
        sql::{
            bulk::Batch,
            db::{on_db, on_tx},
            settings,
        },
        write::revisions::{EntryRevision, add_missing},
    },
};

pub(super) const LIST_ENTRIES: &str = "select customer_id, occurred_at, entry_id, payload \
    from entries where (customer_id, occurred_at, entry_id) > ($1, $2, $3) \
    order by customer_id, occurred_at, entry_id limit 200";

/// The setting that records that the table is filled.
const FILLED: &str = "entry_revisions_filled";

impl Store {
    /// Fills the table, unless that was done before.
    pub(in crate::store) async fn fill_entry_revisions(&self) -> Result<(), Error> {
        let filled: Option<Vec<u8>> = on_db!(&self.db, |c| {
            sqlx::query_scalar(settings::GET).bind(FILLED).fetch_optional(c).await?
        });
        if filled.is_some() {
            return Ok(());
        }
        let mut after = (Uuid::nil(), Micros::MIN, Uuid::nil());
        loop {
            let page: Vec<(Uuid, Micros, Uuid, Vec<u8>)> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(LIST_ENTRIES).bind(after.0).bind(after.1).bind(after.2);
                query.fetch_all(c).await?
            });
            let Some(last) = page.last() else { break };
            after = (last.0, last.1, last.2);
            let mut rows = Vec::with_capacity(page.len());
            for (customer_id, occurred_at, entry_id, payload) in &page {
                let revision = payload::revision(payload)?;
                rows.push(EntryRevision {
                    customer_id: *customer_id,
                    revision,
                    occurred_at: *occurred_at,
                    entry_id: *entry_id,
                });
            }
            let mut tx = self.db.begin().await?;
            let mut batch = Batch::default();
            add_missing(&mut batch, rows);
            batch.write(&mut tx).await?;
            tx.commit().await?;
        }
        let mut tx = self.db.begin().await?;
        on_tx!(&mut tx, |c| {
            sqlx::query(settings::ADD).bind(FILLED).bind(Vec::from([1_u8])).execute(c).await?;
        });
        tx.commit().await
    }
}
