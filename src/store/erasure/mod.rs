//! Erasing a customer: one transaction in which all rows go, then a sweep of what is shared with
//! others or cannot be done in one (`finish`). What stays is that it was done (`erasures`), which
//! ids mean nobody any more (`erased_customers`), and keyed hashes of what must not come back
//! (`tombstones`), all of it in a file beside the database too (`file`), from which it is done
//! again where a backup is put back (`again`).

mod again;
mod file;
mod finish;
mod rows;
mod tombstones;
mod vacuum;

use std::{collections::BTreeSet, sync::Arc};

use uuid::Uuid;

pub use file::ErasureFile;
pub(super) use tombstones::{Erased, Tombstones};

use super::{
    Store,
    attempt::{attempt, lost},
    bulk::Batch,
    change::earlier,
    db::{Tx, on_db, on_tx},
    dialect::{Kind, Twin},
    person, record,
    writes::LedgerRow,
};
use crate::{
    error::Error,
    model::{Asked, Erasure, Micros, WriteName},
};
use file::Line;
use rows::Removed;
use tombstones::Hashes;

const ADD: &str = "insert into erasures (erasure_id, erased_at, records, removed, is_finished) \
    values ($1, $2, $3, $4, false)";
const ADD_CUSTOMER: &str = "insert into erased_customers (customer_id, erasure_id, erased_at) \
    values ($1, $2, $3) on conflict (customer_id) do nothing";
const GET: &str = "select e.erasure_id, e.erased_at, e.records, e.removed \
    from erased_customers c join erasures e on e.erasure_id = c.erasure_id \
    where c.customer_id = $1";
/// Which of some customers were erased. $1: ids.
const AMONG: Twin = Twin {
    sqlite: "select customer_id from erased_customers \
        where customer_id in (select unhex(value ->> 0) from json_each($1))",
    postgres: "select customer_id from erased_customers where customer_id = any($1)",
};

type Row = (Uuid, Micros, String, String);

/// All statements, with a name, for the test that prepares them.
pub(super) fn statements(kind: Kind) -> Vec<(&'static str, String)> {
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

/// Which of some records were erased.
pub(super) async fn among(tx: &mut Tx, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
    let rows: Vec<(Uuid,)> = tx.by_ids(AMONG, ids).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// What a write is told of which some records are not there.
pub(super) async fn missing(tx: &mut Tx, ids: &[Uuid]) -> Result<Error, Error> {
    let erased = among(tx, ids).await?;
    Ok(if erased.is_empty() { Error::CustomerNotFound } else { Error::CustomerErased })
}

/// An erasure out of its row.
fn erasure((id, erased_at, records, removed): Row) -> Result<Erasure, Error> {
    let unreadable = |column| Error::Inconsistent { table: "erasures", column };
    Ok(Erasure {
        id,
        erased_at,
        records: serde_json::from_str(&records).map_err(|_| unreadable("records"))?,
        removed: serde_json::from_str(&removed).map_err(|_| unreadable("removed"))?,
    })
}

impl Store {
    /// Erases a customer with all records. Again: the same erasure. What is left to be swept is
    /// left to `finish_erasures`.
    pub async fn erase_customer(&self, customer_id: Uuid, asked: Asked) -> Result<Erasure, Error> {
        let store = self.clone();
        let id = self.clock.new_id();
        let write = move || {
            let (store, asked) = (store.clone(), asked.clone());
            async move { store.try_erase(id, customer_id, &asked).await }
        };
        let erasure = attempt(write).await.map_err(lost)?;
        // Whoever watches looks again, and finds nobody.
        self.signals.live.wake(erasure.records.iter().map(|record| (*record, i64::MAX)));
        self.signals.erased.notify_one();
        Ok(erasure)
    }

    async fn try_erase(
        &self,
        id: Uuid,
        customer_id: Uuid,
        asked: &Asked,
    ) -> Result<Erasure, Error> {
        let mut tx = self.db.begin().await?;
        let before: Option<Row> =
            on_tx!(&mut tx, |c| sqlx::query_as(GET).bind(customer_id).fetch_optional(c).await?);
        if let Some(row) = before {
            return erasure(row);
        }
        let locked = match person::lock_even_restricted(&mut tx, &[customer_id]).await {
            // Somebody else has done it since.
            Err(Error::CustomerErased) => return Err(Error::LostRace),
            locked => locked?,
        };
        locked.refuse_held()?;
        earlier(&mut tx, asked).await?;
        let ids: Vec<Uuid> = locked.held.keys().copied().collect();
        let (removed, hashes) =
            rows::remove(&mut tx, self.clock, &self.tombstones, &locked.held, &ids).await?;
        let erased_at = self.clock.now();
        let mut erasure = Erasure { id, erased_at, records: ids, removed: Vec::new() };
        self.write_erasure(&mut tx, &mut erasure, removed, &hashes).await?;
        name(&mut tx, &erasure, asked).await?;
        if let Some(file) = &self.erasure_file {
            let line = Line::of(&erasure, &hashes, self.tombstones.key_id());
            let file = Arc::clone(file);
            // Before the commit: what the database has, the file has. Where the commit fails, the
            // next start does what was asked for.
            file.append(vec![line]).await?;
        }
        tx.commit().await?;
        Ok(erasure)
    }

    /// Writes that an erasure was done.
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
        // Ids and numbers: there is nothing in them that JSON cannot hold.
        let records = serde_json::to_string(&erasure.records).unwrap_or_default();
        let removed = serde_json::to_string(&erasure.removed).unwrap_or_default();
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

    /// The canonical record of the person that a write is about.
    pub(super) async fn person_to_write(&self, customer_id: Uuid) -> Result<Uuid, Error> {
        match self.records_of(customer_id).await {
            Ok(records) => Ok(records[0]),
            Err(Error::CustomerNotFound) if self.get_erasure(customer_id).await?.is_some() => {
                Err(Error::CustomerErased)
            }
            Err(error) => Err(error),
        }
    }

    /// The erasure that a record went with.
    pub async fn get_erasure(&self, customer_id: Uuid) -> Result<Option<Erasure>, Error> {
        let row: Option<Row> = on_db!(&self.db, |c| {
            sqlx::query_as(GET).bind(customer_id).fetch_optional(c).await?
        });
        row.map(erasure).transpose()
    }
}

/// Names the erasure by the request, so that no other call has the name. It names no customer.
async fn name(tx: &mut Tx, erasure: &Erasure, asked: &Asked) -> Result<(), Error> {
    let row = LedgerRow {
        body: asked.body.to_vec(),
        customer_id: Uuid::nil(),
        entry_id: Some(erasure.id),
        revision: 0,
        recorded_at: erasure.erased_at,
        customer_created: false,
    };
    let mut batch = Batch::default();
    let name = WriteName::Request(asked.request_id).parts();
    record::add_to_ledger(&mut batch, vec![(name, row)]);
    batch.write(tx).await
}
