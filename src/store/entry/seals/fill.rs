//! Gives salts to entries recorded before entries were sealed, and queues them for sealing, once
//! per database.

use uuid::Uuid;

use super::{
    items::{Row, item, note, salt, stored},
    verify::ENTRIES,
};
use crate::{
    domain::entry_seal::Fate,
    error::Error,
    model::Micros,
    store::{
        Store,
        sql::{
            bulk::Batch,
            db::{Tx, on_db, on_tx},
            settings,
        },
    },
};

/// Changes nothing if another server was faster.
pub(super) const SET_SALT: &str = "update entries set salt = $4 \
    where customer_id = $1 and occurred_at = $2 and entry_id = $3 and length(salt) = 0";

/// The setting that records that all entries are queued. From then on, an entry without a salt was
/// inserted by somebody else.
const FILLED: &str = "entry_seals_filled";

impl Store {
    /// Queues all entries, unless that was done before.
    pub(in crate::store) async fn fill_entry_seals(&self) -> Result<(), Error> {
        let filled: Option<Vec<u8>> = on_db!(&self.db, |c| {
            sqlx::query_scalar(settings::GET).bind(FILLED).fetch_optional(c).await?
        });
        if filled.is_some() {
            return Ok(());
        }
        let mut behind = (Uuid::nil(), Micros::MIN, Uuid::nil());
        loop {
            let mut tx = self.db.begin().await?;
            let page: Vec<Row> = on_tx!(&mut tx, |c| {
                let query = sqlx::query_as(ENTRIES).bind(behind.0).bind(behind.1).bind(behind.2);
                query.fetch_all(c).await?
            });
            let Some(last) = page.last() else {
                on_tx!(&mut tx, |c| {
                    sqlx::query(settings::ADD).bind(FILLED).bind(vec![1_u8]).execute(c).await?;
                });
                return tx.commit().await;
            };
            behind = (last.0, last.1, last.2);
            fill(&mut tx, page).await?;
            tx.commit().await?;
        }
    }
}

async fn fill(tx: &mut Tx, page: Vec<Row>) -> Result<(), Error> {
    let mut items = Vec::new();
    for mut row in page.into_iter().filter(|row| row.7.is_empty()) {
        row.7 = salt();
        let set = on_tx!(&mut *tx, |c| {
            let query = sqlx::query(SET_SALT).bind(row.0).bind(row.1).bind(row.2);
            query.bind(&row.7).execute(c).await?.rows_affected()
        });
        if set == 1 {
            items.push(item(Fate::Recorded, stored(&row)));
        }
    }
    let mut batch = Batch::default();
    note(&mut batch, &items);
    batch.write(tx).await
}
