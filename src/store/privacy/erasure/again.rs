//! Synchronises erasures at the start: those that only the file has, because a backup was restored,
//! are repeated, and those that the file lacks are added to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use uuid::Uuid;

use super::{ErasureFile, file::Line, row::Row, rows, tombstones::Hashes};
use crate::{
    error::Error,
    model::{Erasure, Merge},
    store::{
        Store,
        identity::{merge, person},
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_db},
            dialect,
        },
        write::writes::CustomerRecord,
    },
};

/// Erasures after one. $1: the id.
const LIST: &str = "select erasure_id, erased_at, records, removed from erasures \
    where erasure_id > $1 order by erasure_id limit 1000";

pub(super) const TEXTS: [(&str, &str); 1] = [("erasures.list", LIST)];

impl Store {
    /// Adds the file in which this store also records its erasures.
    pub fn with_erasure_file(self, file: Arc<ErasureFile>) -> Self {
        Self { erasure_file: Some(file), ..self }
    }

    /// Repeats the erasures that only the file has, and returns their number. The store must not be
    /// served before.
    pub async fn erase_again(&self) -> Result<usize, Error> {
        let Some(file) = &self.erasure_file else { return Ok(0) };
        let mut lines: BTreeMap<Uuid, Line> = BTreeMap::new();
        for line in file.read().await? {
            // An erasure whose transaction was run again is in the file more than once.
            match lines.get_mut(&line.erasure_id) {
                None => {
                    lines.insert(line.erasure_id, line);
                }
                Some(before) => {
                    before.records.extend(line.records);
                    before.names.extend(line.names);
                    before.identifiers.extend(line.identifiers);
                }
            }
        }
        for erasure in self.erasures().await? {
            lines.remove(&erasure.id);
        }
        let again = lines.len();
        for (_, mut line) in lines {
            line.records.sort_unstable();
            line.records.dedup();
            let store = self.clone();
            let write = move || {
                let (store, line) = (store.clone(), line.clone());
                async move { store.try_erase_again(&line).await }
            };
            attempt(write).await.map_err(lost)?;
        }
        Ok(again)
    }

    /// Adds the erasures that the file lacks, since other servers made them, and returns their
    /// number.
    pub async fn write_ledger(&self) -> Result<usize, Error> {
        let Some(file) = &self.erasure_file else { return Ok(0) };
        let told: BTreeSet<Uuid> =
            file.read().await?.into_iter().map(|line| line.erasure_id).collect();
        let mut lines = Vec::new();
        for erasure in self.erasures().await? {
            if !told.contains(&erasure.id) {
                let hashes = self.tombstones.of_erasure(&self.db, erasure.id).await?;
                lines.push(Line::of(&erasure, &hashes, self.tombstones.key_id()));
            }
        }
        let added = lines.len();
        if added > 0 {
            file.append(lines).await?;
        }
        Ok(added)
    }

    async fn erasures(&self) -> Result<Vec<Erasure>, Error> {
        let mut all: Vec<Erasure> = Vec::new();
        loop {
            let after = all.last().map_or(Uuid::nil(), |erasure| erasure.id);
            let page: Vec<Row> =
                on_db!(&self.db, |c| { sqlx::query_as(LIST).bind(after).fetch_all(c).await? });
            if page.is_empty() {
                return Ok(all);
            }
            for row in page {
                all.push(super::row::erasure(row)?);
            }
        }
    }

    /// Erases the records of a line that exist. A record that belongs to the same person now, but
    /// did not when the customer was erased, stays.
    async fn try_erase_again(&self, line: &Line) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let there: Vec<(Uuid, Uuid)> = tx.by_ids(dialect::PERSONS_BY_ID, &line.records).await?;
        let there: Vec<Uuid> = there.into_iter().map(|(id, _)| id).collect();
        let mut hashes = if line.key == self.tombstones.key_id() {
            line.hashes()
        } else {
            // A backup from before the key was made: the names that it contains are hashed again.
            tracing::warn!(
                erasure_id = %line.erasure_id,
                "the hashes of an erasure have another key: a late retry is not recognised"
            );
            Hashes::default()
        };
        let mut removed = BTreeMap::new();
        if !there.is_empty() {
            // A later hold does not undo an earlier erasure.
            let locked = person::lock_even_restricted(&mut tx, &there).await?;
            let (rows, found) =
                rows::remove(&mut tx, self.clock, &self.tombstones, &locked.records, &there)
                    .await?;
            removed = rows;
            hashes.names.extend(found.names);
            hashes.identifiers.extend(found.identifiers);
            set_persons(&mut tx, &locked.records, &there).await?;
        }
        let mut erasure = Erasure {
            id: line.erasure_id,
            erased_at: line.erased_at,
            records: line.records.clone(),
            removed: Vec::new(),
        };
        self.write_erasure(&mut tx, &mut erasure, removed, &hashes).await?;
        tx.commit().await
    }
}

/// Recomputes the persons of the remaining records from the remaining merges.
async fn set_persons(
    tx: &mut Tx,
    records: &BTreeMap<Uuid, CustomerRecord>,
    gone: &[Uuid],
) -> Result<(), Error> {
    let rest: Vec<Uuid> = records.keys().copied().filter(|id| !gone.contains(id)).collect();
    let rows: Vec<merge::MergeRow> = tx.by_ids(dialect::MERGES_IN_FORCE, &rest).await?;
    let merges: Vec<Merge> = rows.into_iter().map(merge::merge).collect::<Result<_, _>>()?;
    let into: BTreeMap<Uuid, Uuid> = merges.iter().map(|it| (it.from_id, it.into_id)).collect();
    let mut people: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
    for id in rest {
        let mut root = id;
        // The links have no cycle.
        while let Some(next) = into.get(&root) {
            root = *next;
        }
        people.entry(root).or_default().push(id);
    }
    for (root, records) in people {
        tx.set_person(&records, root).await?;
        merge::set_records(tx, root, records.len()).await?;
    }
    Ok(())
}
