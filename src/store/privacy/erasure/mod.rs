//! Erases a customer: one transaction removes all rows, and a second step cleans up what is shared
//! or too large for one transaction (`finish`). What remains is the erasure itself (`erasures`),
//! the erased ids (`erased_customers`), and keyed hashes of what must not come back (`tombstones`).
//! All of it is also in a file beside the database (`file`), from which it is repeated after a
//! restore (`again`).

mod again;
mod file;
mod finish;
pub mod row;
mod rows;
mod tombstones;
mod vacuum;

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    error::Error,
    model::{Erasure, IdempotencyKey, RequestContext},
    store::{
        Store,
        identity::{erased::AMONG, person},
        sql::{
            attempt::{attempt, lost},
            bulk::Batch,
            db::{Tx, on_db, on_tx},
            json::to_json,
            statement::Kind,
        },
        write::{change::earlier, idempotency, writes::IdempotencyRow},
    },
};
use file::Line;
use row::{Row, erasure};
use rows::Removed;
use tombstones::Hashes;

pub use file::ErasureFile;
pub(in crate::store) use tombstones::Tombstones;

const ADD: &str = "insert into erasures (erasure_id, erased_at, records, removed, is_finished) \
    values ($1, $2, $3, $4, false)";
const ADD_CUSTOMER: &str = "insert into erased_customers (customer_id, erasure_id, erased_at) \
    values ($1, $2, $3) on conflict (customer_id) do nothing";
const GET: &str = "select e.erasure_id, e.erased_at, e.records, e.removed \
    from erased_customers c join erasures e on e.erasure_id = c.erasure_id \
    where c.customer_id = $1";

/// All statements by name, for the test that prepares them.
pub fn statements(kind: Kind) -> Vec<(&'static str, String)> {
    let texts = [
        ("erasures.add", ADD),
        ("erasures.add_customer", ADD_CUSTOMER),
        ("erasures.get", GET),
        ("erasures.tombstones", tombstones::OF_ERASURE),
    ];
    let twins =
        [("erasures.among", AMONG), ("erasures.set_tombstones", tombstones::SET_TOMBSTONES)];
    let texts = texts.into_iter().chain(again::TEXTS).chain(finish::TEXTS);
    let twins = twins.into_iter().chain(rows::TWINS);
    texts
        .map(|(name, text)| (name, text.to_owned()))
        .chain(twins.map(|(name, twin)| (name, twin.on(kind).to_owned())))
        .chain(rows::removals(kind))
        .collect()
}

impl Store {
    /// Erases a customer with all records. Idempotent. The second step is left to
    /// `finish_erasures`.
    pub async fn erase_customer(
        &self,
        customer_id: Uuid,
        context: RequestContext,
    ) -> Result<Erasure, Error> {
        let store = self.clone();
        let id = self.clock.new_id();
        let write = move || {
            let (store, context) = (store.clone(), context.clone());
            async move { store.try_erase(id, customer_id, &context).await }
        };
        let erasure = attempt(write).await.map_err(lost)?;
        // Watches of the customer check again, and find nobody.
        self.signals.live.wake(erasure.records.iter().map(|record| (*record, i64::MAX)));
        self.signals.erased.notify_one();
        Ok(erasure)
    }

    async fn try_erase(
        &self,
        id: Uuid,
        customer_id: Uuid,
        context: &RequestContext,
    ) -> Result<Erasure, Error> {
        let mut tx = self.db.begin().await?;
        let before: Option<Row> =
            on_tx!(&mut tx, |c| sqlx::query_as(GET).bind(customer_id).fetch_optional(c).await?);
        if let Some(row) = before {
            return erasure(row);
        }
        let locked = match person::lock_even_restricted(&mut tx, &[customer_id]).await {
            // Somebody else has erased it meanwhile.
            Err(Error::CustomerErased) => return Err(Error::Conflict),
            locked => locked?,
        };
        locked.ensure_not_on_hold()?;
        earlier(&mut tx, context).await?;
        let ids: Vec<Uuid> = locked.records.keys().copied().collect();
        let (removed, hashes) =
            rows::remove(&mut tx, self.clock, &self.tombstones, &locked.records, &ids).await?;
        let erased_at = self.clock.now();
        let mut erasure = Erasure { id, erased_at, records: ids, removed: Vec::new() };
        self.write_erasure(&mut tx, &mut erasure, removed, &hashes).await?;
        name(&mut tx, &erasure, context).await?;
        if let Some(file) = &self.erasure_file {
            let line = Line::of(&erasure, &hashes, self.tombstones.key_id());
            let file = Arc::clone(file);
            // Before the commit, so that the file has whatever the database has. If the commit
            // fails, the next start completes the erasure.
            file.append(vec![line]).await?;
        }
        tx.commit().await?;
        Ok(erasure)
    }

    /// Records the erasure.
    async fn write_erasure(
        &self,
        tx: &mut Tx,
        erasure: &mut Erasure,
        removed: Removed,
        hashes: &Hashes,
    ) -> Result<(), Error> {
        let removed = removed.into_iter().filter(|(_, rows)| *rows > 0);
        erasure.removed = removed.map(|(table, rows)| (table.to_owned(), rows)).collect();
        self.tombstones.add(tx, (erasure.id, erasure.erased_at), hashes).await?;
        let records = to_json(&erasure.records)?;
        let removed = to_json(&erasure.removed)?;
        on_tx!(&mut *tx, |c| {
            let query = sqlx::query(ADD).bind(erasure.id).bind(erasure.erased_at);
            query.bind(records).bind(removed).execute(c).await?;
        });
        for record in &erasure.records {
            on_tx!(&mut *tx, |c| {
                let query = sqlx::query(ADD_CUSTOMER).bind(record).bind(erasure.id);
                query.bind(erasure.erased_at).execute(c).await?;
            });
        }
        Ok(())
    }

    /// The canonical record of the customer that a write names.
    pub(in crate::store) async fn person_to_write(&self, customer_id: Uuid) -> Result<Uuid, Error> {
        match self.records_of(customer_id).await {
            Ok(records) => Ok(records[0]),
            Err(Error::CustomerNotFound) if self.get_erasure(customer_id).await?.is_some() => {
                Err(Error::CustomerErased)
            }
            Err(error) => Err(error),
        }
    }

    /// The erasure that removed a record.
    pub async fn get_erasure(&self, customer_id: Uuid) -> Result<Option<Erasure>, Error> {
        let row: Option<Row> = on_db!(&self.db, |c| {
            sqlx::query_as(GET).bind(customer_id).fetch_optional(c).await?
        });
        row.map(erasure).transpose()
    }
}

/// Stores the idempotency key of the erasure. It names no customer.
async fn name(tx: &mut Tx, erasure: &Erasure, context: &RequestContext) -> Result<(), Error> {
    let row = IdempotencyRow {
        body: context.body.to_vec(),
        customer_id: Uuid::nil(),
        entry_id: Some(erasure.id),
        revision: 0,
        recorded_at: erasure.erased_at,
        customer_created: false,
    };
    let mut batch = Batch::default();
    let name = IdempotencyKey::Request(context.request_id).parts();
    idempotency::add_idempotency_keys(&mut batch, vec![(name, row)]);
    batch.write(tx).await
}
