//! The rows of the search tables, written together with the customers.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::dialect::KNOWN_WORDS;
use crate::{
    domain::customer_search::{identifier_parts, index_keys, name_rows},
    error::Error,
    store::{
        sql::{
            bulk::{Batch, Column, Table},
            db::{Tx, on_tx},
            dialect::READ_CUSTOMERS,
            statement::Twin,
        },
        write::writes::{CustomerRecord, CustomerRow, Writes, read_profile},
    },
};

const REMOVE_NAME: &str =
    "delete from customer_names where word = $1 and other = $2 and customer_id = $3";

/// Columns: words, other words and ids.
const REMOVE_NAMES: Twin = Twin {
    sqlite: "delete from customer_names where (word, other, customer_id) in \
        (select value ->> 0, value ->> 1, unhex(value ->> 2) from json_each($1))",
    postgres: "delete from customer_names where (word, other, customer_id) in (select * \
        from unnest(cast($1 as text[]), cast($2 as text[]), cast($3 as uuid[])))",
};
/// Columns: parts and keys.
const REMOVE_PARTS: Twin = Twin {
    sqlite: "delete from identifier_parts where (part, key) in \
        (select value ->> 0, value ->> 1 from json_each($1))",
    postgres: "delete from identifier_parts where (part, key) in \
        (select * from unnest(cast($1 as text[]), cast($2 as text[])))",
};

pub(super) const STATEMENTS: [(&str, &str); 1] = [("customer_search.remove_name", REMOVE_NAME)];
pub(super) const TWINS: [(&str, Twin); 2] = [
    ("customer_search.remove_names", REMOVE_NAMES),
    ("customer_search.remove_parts", REMOVE_PARTS),
];

static CUSTOMER_NAMES: Table =
    Table { name: "customer_names", columns: &["word", "other", "customer_id"] };
static NAME_WORDS: Table = Table { name: "name_words", columns: &["word"] };
static NAME_VARIANTS: Table = Table { name: "name_variants", columns: &["variant", "word"] };
static IDENTIFIER_PARTS: Table = Table { name: "identifier_parts", columns: &["part", "key"] };

/// A row of `customer_names`.
pub(super) type NameRow = (String, String, Uuid);

/// Adds the rows for the new profiles of a batch, and removes those that only the stored profiles
/// have.
pub(in crate::store) async fn change_names(
    tx: &mut Tx,
    batch: &mut Batch,
    writes: &Writes,
) -> Result<(), Error> {
    let is_old = |id: &&Uuid| !writes.created.contains_key(id);
    let old: Vec<Uuid> = writes.profiles.keys().filter(is_old).copied().collect();
    let mut before: BTreeMap<Uuid, BTreeSet<(String, String)>> = BTreeMap::new();
    if !old.is_empty() {
        let rows: Vec<CustomerRow> = tx.by_ids(READ_CUSTOMERS, &old).await?;
        for row in rows {
            let (id, current) = CustomerRecord::from_row(row);
            before.insert(id, name_rows(&read_profile(&current.profile)?.profile));
        }
    }
    let mut added: Vec<NameRow> = Vec::new();
    for (id, profile) in &writes.profiles {
        let rows = name_rows(&profile.profile);
        let before = before.remove(id).unwrap_or_default();
        for (word, other) in before.difference(&rows) {
            on_tx!(&mut *tx, |c| {
                sqlx::query(REMOVE_NAME).bind(word).bind(other).bind(id).execute(c).await?;
            });
        }
        added.extend(rows.difference(&before).map(|(a, b)| (a.clone(), b.clone(), *id)));
    }
    add_names(tx, batch, added).await
}

/// Adds rows of `customer_names`, with new words of the dictionary. The rows of each table are
/// sorted, so that two servers that add the same ones never deadlock.
pub(super) async fn add_names(
    tx: &mut Tx,
    batch: &mut Batch,
    mut rows: Vec<NameRow>,
) -> Result<(), Error> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort();
    let words: BTreeSet<String> = rows.iter().map(|(word, _, _)| word.clone()).collect();
    let words: Vec<String> = words.into_iter().collect();
    let known: Vec<(String,)> = tx.by_texts(KNOWN_WORDS, &words).await?;
    let known: BTreeSet<String> = known.into_iter().map(|(word,)| word).collect();
    let new: Vec<String> = words.into_iter().filter(|word| !known.contains(word)).collect();
    let variants: BTreeSet<(String, String)> = new
        .iter()
        .flat_map(|word| index_keys(word).into_iter().map(|key| (key, word.clone())))
        .collect();

    let (variants, of): (Vec<String>, Vec<String>) = variants.into_iter().unzip();
    batch.insert_missing(&NAME_WORDS, vec![Column::Texts(new)]);
    batch.insert_missing(&NAME_VARIANTS, vec![Column::Texts(variants), Column::Texts(of)]);
    let ids = rows.iter().map(|row| row.2).collect();
    let (words, others): (Vec<String>, Vec<String>) =
        rows.into_iter().map(|(word, other, _)| (word, other)).unzip();
    let columns = vec![Column::Texts(words), Column::Texts(others), Column::Ids(ids)];
    batch.insert_missing(&CUSTOMER_NAMES, columns);
    Ok(())
}

/// Removes the rows for the stored profiles of locked records. The dictionary keeps its words.
pub(in crate::store) async fn remove_names<'a>(
    tx: &mut Tx,
    profiles: impl Iterator<Item = (Uuid, &'a str)>,
) -> Result<i64, Error> {
    let (mut words, mut others, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for (id, profile) in profiles {
        for (word, other) in name_rows(&read_profile(profile)?.profile) {
            words.push(word);
            others.push(other);
            ids.push(id);
        }
    }
    let columns = vec![Column::Texts(words), Column::Texts(others), Column::Ids(ids)];
    tx.apply(REMOVE_NAMES, columns).await
}

/// Adds the parts of identifiers, by their keys.
pub(in crate::store) fn add_parts(batch: &mut Batch, keys: &[String]) {
    batch.insert_missing(&IDENTIFIER_PARTS, parts_of(keys));
}

/// Removes the parts of identifiers, by their keys.
pub(in crate::store) async fn remove_parts(tx: &mut Tx, keys: &[String]) -> Result<i64, Error> {
    tx.apply(REMOVE_PARTS, parts_of(keys)).await
}

fn parts_of(keys: &[String]) -> Vec<Column> {
    let rows: BTreeSet<(String, String)> = keys
        .iter()
        .flat_map(|key| identifier_parts(key).into_iter().map(|part| (part, key.clone())))
        .collect();
    let (parts, keys): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
    vec![Column::Texts(parts), Column::Texts(keys)]
}
