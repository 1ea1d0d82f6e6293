//! Removes erased records from matching.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    index::unpack,
    statements::{
        COUNT_LESS, COUNT_TERMS, RECORDS, REMOVE_KEYS, REMOVE_RECORDS, REMOVE_TERMS, TAKE_TURN,
    },
};
use crate::{
    error::Error,
    store::sql::{
        bulk::Column,
        db::{Tx, on_tx},
    },
};

/// Removes the contribution of records that the transaction has locked. It is a generation of its
/// own, so that work based on these records starts again, including a full comparison. Returns how
/// many rows of which table were removed.
pub async fn forget(tx: &mut Tx, ids: &[Uuid]) -> Result<BTreeMap<&'static str, i64>, Error> {
    on_tx!(&mut *tx, |c| {
        sqlx::query(TAKE_TURN).execute(c).await?;
    });
    let rows: Vec<(Uuid, Vec<u8>, Vec<u8>)> = tx.by_ids(RECORDS, ids).await?;
    let (mut keys, mut records) = (Vec::new(), Vec::new());
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for (id, of_record, terms) in rows {
        for key in unpack(&of_record)? {
            keys.push(key);
            records.push(id);
        }
        unpack(&terms)?.into_iter().for_each(|term| *counts.entry(term).or_default() -= 1);
    }
    let removed_keys = vec![Column::Integers(keys), Column::Ids(records)];
    let removed_keys = tx.apply(REMOVE_KEYS, removed_keys).await?;
    let (terms, less): (Vec<i64>, Vec<i64>) = counts.into_iter().unzip();
    let columns = vec![Column::Integers(terms.clone()), Column::Integers(less)];
    tx.apply(COUNT_TERMS, columns).await?;
    let removed_terms = tx.apply(REMOVE_TERMS, vec![Column::Integers(terms)]).await?;
    let people = tx.apply(REMOVE_RECORDS, vec![Column::Ids(ids.to_vec())]).await?;
    on_tx!(&mut *tx, |c| {
        sqlx::query(COUNT_LESS).bind(people).execute(c).await?;
    });
    Ok(BTreeMap::from([
        ("match_keys", removed_keys),
        ("match_records", people),
        ("match_terms", removed_terms),
    ]))
}
