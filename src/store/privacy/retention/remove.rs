//! Removes entries, with everything that was written with them. Their idempotency keys stay, so
//! that a late retry does not bring them back.

use std::collections::{BTreeSet, HashSet};

use uuid::Uuid;

use super::scan::{Due, Whole};
use crate::{
    clock::Clock,
    domain::entry_seal::{Fate, Item},
    error::Error,
    model::{EntryKind, Micros},
    store::{
        aggregate::{case_pass, purchase},
        entry::{
            payload,
            seals::items::{self, item, stored},
            search::customer_word,
        },
        sql::{
            bulk::Batch,
            db::{Tx, on, on_tx},
            statement::Twin,
        },
        write::facts,
    },
};

const ENTRY: &str = "delete from entries \
    where customer_id = $1 and occurred_at = $2 and entry_id = $3 \
    returning customer_id, occurred_at, entry_id, kind, channel, index_tag, payload, salt";
const REVISION: &str = "delete from entry_revisions where customer_id = $1 and revision = $2";
const OF_ORDER: &str = "delete from order_entries \
    where customer_id = $1 and occurred_at = $2 and entry_id = $3 returning order_key";
const OF_CASE: &str =
    "delete from case_entries where customer_id = $1 and occurred_at = $2 and entry_id = $3";
const PURCHASE: &str = "delete from purchases where customer_id = $1 and entry_id = $2";
const FACT: &str = "delete from told_facts \
    where customer_id = $1 and told_at = $2 and entry_id = $3 returning told_at, channel, reasked";
const CASE: &str = "delete from cases where customer_id = $1 and case_id = $2 and not is_open";
const PROMISE: &str = "delete from promises where customer_id = $1 and promise_id = $2";
const QUOTE: &str = "delete from quotes where customer_id = $1 and quote_id = $2";

/// $1 the word of the record, $2 the record, $3 and $4 the entry.
pub(super) const WORDS: Twin = Twin {
    sqlite: "delete from entry_words where rowid in (select rowid from entry_words \
        where entry_words match $1 and customer_id = $2 and occurred_at = $3 and entry_id = $4)",
    postgres: "delete from entry_words \
        where array_to_tsvector(string_to_array(words, ' ')) @@ cast($1 as tsquery) \
        and customer_id = $2 and occurred_at = $3 and entry_id = $4",
};

pub(super) const TEXTS: [(&str, &str); 9] = [
    ("retention.entry", ENTRY),
    ("retention.revision", REVISION),
    ("retention.of_order", OF_ORDER),
    ("retention.of_case", OF_CASE),
    ("retention.purchase", PURCHASE),
    ("retention.fact", FACT),
    ("retention.remove_case", CASE),
    ("retention.promise", PROMISE),
    ("retention.quote", QUOTE),
];

/// Removes entries of a locked record. Rows that change instead are written by `batch`.
pub(super) async fn remove(
    tx: &mut Tx,
    batch: &mut Batch,
    clock: Clock,
    record: Uuid,
    due: Vec<Due>,
) -> Result<(), Error> {
    let mut orders = BTreeSet::new();
    let mut facts = Vec::new();
    let mut wholes = BTreeSet::new();
    let mut removed = Vec::new();
    let ids: HashSet<Uuid> = due.iter().map(|it| it.entry_id).collect();
    for entry in due {
        let of_orders = remove_entry(tx, record, &entry, &mut removed).await?;
        orders.extend(of_orders.into_iter().map(|key| (record, key)));
        if entry.kind == EntryKind::Purchase {
            // An order without a number has its own key.
            orders.insert((record, purchase::own_key(entry.entry_id)));
        }
        if entry.kind == EntryKind::Fact {
            let rows: Vec<(Micros, String, bool)> = on_tx!(&mut *tx, |c| {
                let query = sqlx::query_as(FACT).bind(record).bind(entry.occurred_at);
                query.bind(entry.entry_id).fetch_all(c).await?
            });
            facts.extend(rows);
        }
        wholes.extend(entry.whole);
    }
    for whole in wholes {
        remove_whole(tx, record, whole).await?;
    }
    items::note(batch, &removed);
    purchase::forget(tx, batch, &orders, &ids).await?;
    // Facts stay counted, anonymously.
    facts::add_nobodys(batch, clock, facts);
    Ok(())
}

/// Returns the orders of the entry. `removed` collects the item for sealing.
async fn remove_entry(
    tx: &mut Tx,
    record: Uuid,
    entry: &Due,
    removed: &mut Vec<Item>,
) -> Result<Vec<String>, Error> {
    let (at, id) = (entry.occurred_at, entry.entry_id);
    let row: Option<items::Row> = on_tx!(&mut *tx, |c| {
        sqlx::query_as(ENTRY).bind(record).bind(at).bind(id).fetch_optional(c).await?
    });
    removed.extend(row.iter().map(|row| item(Fate::Removed, stored(row))));
    on_tx!(&mut *tx, |c| {
        sqlx::query(OF_CASE).bind(record).bind(at).bind(id).execute(c).await?;
    });
    let revision = payload::revision(&entry.payload)?;
    on_tx!(&mut *tx, |c| {
        sqlx::query(REVISION).bind(record).bind(revision).execute(c).await?;
    });
    on_tx!(&mut *tx, |c| {
        sqlx::query(PURCHASE).bind(record).bind(id).execute(c).await?;
    });
    let word = customer_word(record);
    match &mut *tx {
        Tx::Sqlite(tx) => {
            let query = sqlx::query(WORDS.sqlite).bind(word).bind(record).bind(at).bind(id);
            on!(*tx, |c| query.execute(c).await?);
        }
        Tx::Postgres(tx) => {
            let query = sqlx::query(WORDS.postgres).bind(word).bind(record).bind(at).bind(id);
            on!(*tx, |c| query.execute(c).await?);
        }
    }
    Ok(on_tx!(tx, |c| {
        sqlx::query_scalar(OF_ORDER).bind(record).bind(at).bind(id).fetch_all(c).await?
    }))
}

/// Removes the aggregate of removed entries. Its remaining entries are due by the same rule, since
/// it has ended.
async fn remove_whole(tx: &mut Tx, record: Uuid, whole: Whole) -> Result<(), Error> {
    let texts: &[&'static str] = match whole {
        Whole::Case(_) => &[CASE, case_pass::REMOVE],
        Whole::Promise(_) => &[PROMISE],
        Whole::Quote(_) => &[QUOTE],
    };
    let (Whole::Case(id) | Whole::Promise(id) | Whole::Quote(id)) = whole;
    for text in texts {
        on_tx!(&mut *tx, |c| {
            sqlx::query(*text).bind(record).bind(id).execute(c).await?;
        });
    }
    Ok(())
}
