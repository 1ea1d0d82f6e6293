//! The rows of entries.

use uuid::Uuid;

use super::{
    revisions::{self, EntryRevision},
    writes::EntryRow,
};
use crate::{
    domain::entry_seal::{Fate, StoredEntry},
    model::{Channel, EntryKind, NewEntry},
    store::{
        entry::{
            seals::items::{self, item},
            search,
        },
        sql::bulk::{Batch, Column, Table},
    },
};

static ENTRIES: Table = Table {
    name: "entries",
    columns: &[
        "customer_id",
        "occurred_at",
        "entry_id",
        "kind",
        "channel",
        "index_tag",
        "payload",
        "salt",
    ],
};
static ENTRY_WORDS: Table =
    Table { name: "entry_words", columns: &["customer_id", "occurred_at", "entry_id", "words"] };

/// Adds entries with their index words, and queues them for sealing.
pub(in crate::store) fn add_entries(batch: &mut Batch, rows: Vec<EntryRow>) {
    let customers: Vec<Uuid> = rows.iter().map(|row| row.customer_id).collect();
    let times: Vec<i64> = rows.iter().map(|row| row.entry.occurred_at).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.entry.id).collect();
    revisions::add(batch, rows.iter().map(EntryRevision::of).collect());
    let words = rows.iter().map(|row| search::indexed(row.customer_id, &row.entry.words));
    let columns = vec![
        Column::Ids(customers.clone()),
        Column::Integers(times.clone()),
        Column::Ids(ids.clone()),
        Column::Texts(words.collect()),
    ];
    batch.insert(&ENTRY_WORDS, columns);
    let salts: Vec<Vec<u8>> = rows.iter().map(|_| items::salt()).collect();
    let items = rows.iter().zip(&salts).map(|(row, salt)| item(Fate::Recorded, stored(row, salt)));
    items::note(batch, &items.collect::<Vec<_>>());
    let columns = vec![
        Column::Ids(customers),
        Column::Integers(times),
        Column::Ids(ids),
        Column::Texts(rows.iter().map(|row| row.entry.kind.code().to_owned()).collect()),
        Column::Texts(rows.iter().map(|row| channel_code(row.entry.channel).to_owned()).collect()),
        Column::Texts(rows.iter().map(|row| index_tag(&row.entry).to_owned()).collect()),
        Column::Bytes(rows.into_iter().map(|row| row.payload).collect()),
        Column::Bytes(salts),
    ];
    batch.insert(&ENTRIES, columns);
}

/// The row of an entry, as it is hashed.
fn stored<'a>(row: &'a EntryRow, salt: &'a [u8]) -> StoredEntry<'a> {
    StoredEntry {
        customer_id: row.customer_id,
        occurred_at: row.entry.occurred_at,
        entry_id: row.entry.id,
        kind: row.entry.kind.code(),
        channel: channel_code(row.entry.channel),
        index_tag: index_tag(&row.entry),
        payload: &row.payload,
        salt,
    }
}

/// The index tag of an entry, by which it is found without scanning the timeline.
fn index_tag(entry: &NewEntry) -> &'static str {
    match entry.kind {
        EntryKind::Interaction if entry.complaint => "complaint",
        EntryKind::Feedback => "feedback",
        EntryKind::PromiseChange => "promise",
        EntryKind::Quote => "quote",
        _ => "",
    }
}

/// The stored channel: empty for entries of the server itself.
fn channel_code(channel: Option<Channel>) -> &'static str {
    channel.map_or("", Channel::code)
}

static CASE_ENTRIES: Table =
    Table { name: "case_entries", columns: &["customer_id", "case_id", "occurred_at", "entry_id"] };

/// Adds entries to their cases.
pub fn add_to_cases(batch: &mut Batch, rows: &[EntryRow]) {
    let rows: Vec<_> = rows.iter().filter_map(|row| Some((row, row.entry.case_id?))).collect();
    let columns = vec![
        Column::Ids(rows.iter().map(|(row, _)| row.customer_id).collect()),
        Column::Ids(rows.iter().map(|(_, case_id)| *case_id).collect()),
        Column::Integers(rows.iter().map(|(row, _)| row.entry.occurred_at).collect()),
        Column::Ids(rows.iter().map(|(row, _)| row.entry.id).collect()),
    ];
    batch.insert(&CASE_ENTRIES, columns);
}
