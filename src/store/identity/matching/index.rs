//! Maintains the blocking keys and the value counts of records.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    people::MatchPerson,
    state::State,
    statements::{ADD_KEYS, COUNT_TERMS, RECORDS, REMOVE_KEYS, REMOVE_TERMS, SET_RECORDS, TERMS},
};
use crate::{
    domain::matching::{Frequencies, Person, block_keys},
    error::Error,
    store::sql::{bulk::Column, db::Db},
};

/// Updates the keys of records and the counts of their values in one transaction, from what each
/// contributed before. Writes nothing if nothing has changed.
pub async fn index(
    db: &Db,
    state: &mut State,
    records: &BTreeMap<Uuid, MatchPerson>,
) -> Result<(), Error> {
    let ids: Vec<Uuid> = records.keys().copied().collect();
    let rows: Vec<(Uuid, Vec<u8>, Vec<u8>)> =
        db.list(RECORDS, vec![Column::Ids(ids.clone())]).await?;
    let mut before: BTreeMap<Uuid, (Vec<i64>, Vec<i64>)> = BTreeMap::new();
    for (id, keys, terms) in rows {
        before.insert(id, (unpack(&keys)?, unpack(&terms)?));
    }

    let new = i64::try_from(records.len() - before.len()).unwrap_or(i64::MAX);
    let mut changed = (vec![], vec![], vec![]);
    let mut removed: BTreeSet<(i64, Uuid)> = BTreeSet::new();
    let mut added: BTreeSet<(i64, Uuid)> = BTreeSet::new();
    let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
    for (id, known) in records {
        let keys = block_keys(&known.person);
        let terms = Frequencies::terms(&known.person);
        let is_new = !before.contains_key(id);
        let (old_keys, old_terms) = before.remove(id).unwrap_or_default();
        if !is_new && old_keys == keys && old_terms == terms {
            continue;
        }
        removed.extend(old_keys.iter().filter(|key| !keys.contains(key)).map(|key| (*key, *id)));
        added.extend(keys.iter().filter(|key| !old_keys.contains(key)).map(|key| (*key, *id)));
        old_terms.iter().for_each(|term| *counts.entry(*term).or_default() -= 1);
        terms.iter().for_each(|term| *counts.entry(*term).or_default() += 1);
        changed.0.push(*id);
        changed.1.push(pack(&keys));
        changed.2.push(pack(&terms));
    }
    if changed.0.is_empty() {
        return Ok(());
    }
    counts.retain(|_, more| *more != 0);
    let fewer: Vec<i64> =
        counts.iter().filter(|(_, more)| **more < 0).map(|(term, _)| *term).collect();

    let mut tx = state.begin(db, new).await?;
    let pairs = |pairs: BTreeSet<(i64, Uuid)>| {
        let (keys, ids) = pairs.into_iter().unzip();
        vec![Column::Integers(keys), Column::Ids(ids)]
    };
    tx.apply(REMOVE_KEYS, pairs(removed)).await?;
    tx.apply(ADD_KEYS, pairs(added)).await?;
    let (terms, more) = counts.into_iter().unzip();
    tx.apply(COUNT_TERMS, vec![Column::Integers(terms), Column::Integers(more)]).await?;
    tx.apply(REMOVE_TERMS, vec![Column::Integers(fewer)]).await?;
    let (ids, keys, terms) = changed;
    let columns = vec![Column::Ids(ids), Column::Bytes(keys), Column::Bytes(terms)];
    tx.apply(SET_RECORDS, columns).await?;
    tx.commit().await
}

/// The number of all records, and how many have each value of some of them.
pub async fn frequencies<'a>(
    db: &Db,
    people: i64,
    persons: impl Iterator<Item = &'a Person>,
) -> Result<Frequencies, Error> {
    let terms: BTreeSet<i64> = persons.flat_map(Frequencies::terms).collect();
    let terms = vec![Column::Integers(terms.into_iter().collect())];
    let rows: Vec<(i64, i64)> = db.list(TERMS, terms).await?;
    let people = u64::try_from(people).unwrap_or(0);
    let counts = rows.into_iter().map(|(term, n)| (term, u32::try_from(n).unwrap_or(0)));
    Ok(Frequencies::new(people, counts))
}

fn pack(numbers: &[i64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<i64>, Error> {
    let (numbers, []) = bytes.as_chunks() else {
        return Err(Error::Inconsistent { table: "match_records", column: "keys" });
    };
    Ok(numbers.iter().map(|number| i64::from_le_bytes(*number)).collect())
}
