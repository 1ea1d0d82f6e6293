//! The tables with rows of a customer, and their removal.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::tombstones::{Hashes, Tombstones};
use crate::{
    clock::Clock,
    error::Error,
    model::Micros,
    store::{
        entry::{seals, search::customer_word},
        identity::{customer_search, matching},
        sql::{
            bulk::{Batch, Column},
            db::{Tx, on, rows::id_list},
            statement::{Kind, Twin, list_of},
        },
        write::{facts, writes::CustomerRecord},
    },
};

/// Tables with rows of one record, and the column with its id. The customer is removed last.
const OF_RECORD: [(&str, &str); 18] = [
    ("case_entries", "customer_id"),
    ("case_passes", "customer_id"),
    ("cases", "customer_id"),
    ("ended_identifiers", "customer_id"),
    ("entries", "customer_id"),
    ("entry_revisions", "customer_id"),
    ("identifiers", "customer_id"),
    ("idempotency_keys", "customer_id"),
    ("match_queue", "customer_id"),
    ("order_entries", "customer_id"),
    ("orders", "customer_id"),
    ("promises", "customer_id"),
    ("purchase_keys", "customer_id"),
    ("purchases", "customer_id"),
    ("quotes", "customer_id"),
    ("refused_claims", "customer_id"),
    ("restrictions", "customer_id"),
    ("customers", "id"),
];
/// Tables with rows of two records, which are removed with either.
const OF_TWO: [(&str, &str, &str); 5] = [
    ("dismissals", "one_id", "other_id"),
    ("merge_exclusions", "one_id", "other_id"),
    ("merge_approvals", "one_id", "other_id"),
    ("merges", "into_id", "from_id"),
    ("suggestions", "one_id", "other_id"),
];
/// The keys of identifiers that records have, had or were refused. $1: ids.
const KEYS_OF: Twin = list_of!(
    ids:
    "select key from identifiers where customer_id",
    " union select key from ended_identifiers where customer_id",
    " union select key from refused_claims where customer_id",
    " order by key"
);
/// The idempotency keys of records. $1: ids.
const NAMES_OF: Twin = list_of!(ids: "select scope, name from idempotency_keys where customer_id");
/// The facts and re-asks of records. $1: ids.
const FACTS_OF: Twin = list_of!(
    ids:
    "select told_at, channel, reasked from told_facts where customer_id"
);
/// $1: ids.
const REMOVE_FACTS: Twin = list_of!(ids: "delete from told_facts where customer_id");
/// Takes a slot among the claims to keys until the transaction ends: whoever adds one meanwhile
/// waits, and whoever has added one is waited for. Columns: keys, ids of claims, and of a record.
const HOLD_KEYS: Twin = Twin {
    sqlite: "insert into identifiers (key, slot, customer_id, claim_id, verification, source, \
            raw_value, mixed_script, valid_from, last_seen_at) \
        select value ->> 0, 0, unhex(value ->> 2), unhex(value ->> 1), 'claimed', '', '', false, \
            0, 0 from json_each($1) where true on conflict do nothing",
    postgres: "insert into identifiers (key, slot, customer_id, claim_id, verification, source, \
            raw_value, mixed_script, valid_from, last_seen_at) \
        select a, 0, c, b, 'claimed', '', '', false, 0, 0 \
        from unnest(cast($1 as text[]), cast($2 as uuid[]), cast($3 as uuid[])) as t (a, b, c) \
        on conflict do nothing",
};
/// Which of some keys are claimed. $1: keys.
const CLAIMED: Twin = list_of!(values: "select distinct key from identifiers where key");
/// $1: the match expression.
const REMOVE_WORDS: Twin = Twin {
    sqlite: "delete from entry_words where rowid in \
        (select rowid from entry_words where entry_words match $1)",
    postgres: "delete from entry_words \
        where array_to_tsvector(string_to_array(words, ' ')) @@ cast($1 as tsquery)",
};
/// Removes the reversals of merges of records. $1: ids.
const REMOVE_UNMERGES: Twin = list_of!(
    ids:
    "delete from unmerges where merge_id in (select id from merges where into_id",
    " union select id from merges where from_id",
    ")"
);
/// Anonymises other people's merges that were requested for an erased record. $1: ids.
const FORGET_ASKED_INTO: Twin = list_of!(
    ids:
    "update merges set asked_into_id = into_id where asked_into_id"
);
/// $1: ids.
const FORGET_ASKED_FROM: Twin = list_of!(
    ids:
    "update merges set asked_from_id = from_id where asked_from_id"
);

/// All of the above by name, for the test that prepares them.
pub(super) const TWINS: [(&str, Twin); 10] = [
    ("erasure.keys_of", KEYS_OF),
    ("erasure.names_of", NAMES_OF),
    ("erasure.facts_of", FACTS_OF),
    ("erasure.remove_facts", REMOVE_FACTS),
    ("erasure.hold_keys", HOLD_KEYS),
    ("erasure.claimed", CLAIMED),
    ("erasure.remove_words", REMOVE_WORDS),
    ("erasure.remove_unmerges", REMOVE_UNMERGES),
    ("erasure.forget_asked_into", FORGET_ASKED_INTO),
    ("erasure.forget_asked_from", FORGET_ASKED_FROM),
];

/// The statements that remove rows by the ids of records, with their tables.
pub(super) fn removals(kind: Kind) -> Vec<(&'static str, String)> {
    let is_one = |column: &str| match kind {
        Kind::Sqlite => format!("{column} in (select unhex(value ->> 0) from json_each($1))"),
        Kind::Postgres => format!("{column} = any($1)"),
    };
    let of_two = OF_TWO.iter().map(|(table, one, other)| {
        (*table, format!("delete from {table} where {} or {}", is_one(one), is_one(other)))
    });
    let of_record = OF_RECORD
        .iter()
        .map(|(table, column)| (*table, format!("delete from {table} where {}", is_one(column))));
    of_two.chain(of_record).collect()
}

/// The number of removed rows by table.
pub(super) type Removed = BTreeMap<&'static str, i64>;

/// Removes everything of some locked records, and returns the hashes of their names. After the
/// records it first waits for the turn to write the tables of matching, which nobody who holds
/// later locks waits for.
pub(super) async fn remove(
    tx: &mut Tx,
    clock: Clock,
    tombstones: &Tombstones,
    records: &BTreeMap<Uuid, CustomerRecord>,
    ids: &[Uuid],
) -> Result<(Removed, Hashes), Error> {
    let mut removed = matching::forget(tx, ids).await?;
    let keys: Vec<(String,)> = tx.by_ids(KEYS_OF, ids).await?;
    let keys: Vec<String> = keys.into_iter().map(|(key,)| key).collect();
    let names: Vec<(String, String)> = tx.by_ids(NAMES_OF, ids).await?;
    let hashes = Hashes {
        names: names.iter().map(|name| tombstones.of_name(name)).collect(),
        identifiers: keys.iter().map(|key| tombstones.of_identifier(key)).collect(),
    };

    let profiles = ids.iter().filter_map(|id| Some((*id, records.get(id)?.profile.as_str())));
    removed.insert("customer_names", customer_search::remove_names(tx, profiles).await?);
    removed.insert("told_facts", keep_counts(tx, clock, ids).await?);
    removed.insert("entry_words", remove_words(tx, ids).await?);
    removed.insert("unmerges", tx.apply(REMOVE_UNMERGES, vec![Column::Ids(ids.to_vec())]).await?);
    if let Some(record) = ids.first() {
        let claims = keys.iter().map(|_| clock.new_id()).collect();
        let records = vec![*record; keys.len()];
        let columns = vec![Column::Texts(keys.clone()), Column::Ids(claims), Column::Ids(records)];
        // These slots are removed with the record's own, and not counted.
        let held = tx.apply(HOLD_KEYS, columns).await?;
        removed.insert("identifiers", -held);
    }
    remove_by_ids(tx, ids, &mut removed).await?;
    for forget in [FORGET_ASKED_INTO, FORGET_ASKED_FROM] {
        tx.apply(forget, vec![Column::Ids(ids.to_vec())]).await?;
    }
    let claimed: Vec<(String,)> = tx.by_texts(CLAIMED, &keys).await?;
    let claimed: BTreeSet<String> = claimed.into_iter().map(|(key,)| key).collect();
    let unclaimed: Vec<String> = keys.into_iter().filter(|key| !claimed.contains(key)).collect();
    removed.insert("identifier_parts", customer_search::remove_parts(tx, &unclaimed).await?);
    Ok((removed, hashes))
}

/// Removes what can be found by the ids of records.
pub(super) async fn remove_by_ids(
    tx: &mut Tx,
    ids: &[Uuid],
    removed: &mut Removed,
) -> Result<(), Error> {
    let kind = match tx {
        Tx::Sqlite(_) => Kind::Sqlite,
        Tx::Postgres(_) => Kind::Postgres,
    };
    for record in ids {
        seals::note_removal(tx, *record).await?;
    }
    for (table, text) in removals(kind) {
        let text = AssertSqlSafe(text);
        let rows = match &mut *tx {
            Tx::Sqlite(tx) => {
                let query = sqlx::query(text).bind(id_list(ids));
                on!(*tx, |c| query.execute(c).await?).rows_affected()
            }
            Tx::Postgres(tx) => {
                let query = sqlx::query(text).bind(ids);
                on!(*tx, |c| query.execute(c).await?).rows_affected()
            }
        };
        *removed.entry(table).or_default() += i64::try_from(rows).unwrap_or(i64::MAX);
    }
    Ok(())
}

/// Facts and re-asks stay counted, without person and case, and with a rounded time.
async fn keep_counts(tx: &mut Tx, clock: Clock, ids: &[Uuid]) -> Result<i64, Error> {
    let rows: Vec<(Micros, String, bool)> = tx.by_ids(FACTS_OF, ids).await?;
    let removed = tx.apply(REMOVE_FACTS, vec![Column::Ids(ids.to_vec())]).await?;
    let mut batch = Batch::default();
    facts::add_nobodys(&mut batch, clock, rows);
    batch.write(tx).await?;
    Ok(removed)
}

async fn remove_words(tx: &mut Tx, ids: &[Uuid]) -> Result<i64, Error> {
    let words: Vec<String> = ids.iter().copied().map(customer_word).collect();
    let rows = match &mut *tx {
        Tx::Sqlite(tx) => {
            let query = sqlx::query(REMOVE_WORDS.sqlite).bind(words.join(" OR "));
            on!(*tx, |c| query.execute(c).await?).rows_affected()
        }
        Tx::Postgres(tx) => {
            let query = sqlx::query(REMOVE_WORDS.postgres).bind(words.join(" | "));
            on!(*tx, |c| query.execute(c).await?).rows_affected()
        }
    };
    Ok(i64::try_from(rows).unwrap_or(i64::MAX))
}
