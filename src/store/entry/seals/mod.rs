//! Seals that make entries tamper-evident. Each transaction that records or removes entries adds a
//! row to `unsealed_entries`; `seal` turns many such rows into a seal and anchors it in the seals
//! of the audit log, which are also written outside of the database; `verify` compares the entries
//! with all of it.

mod fill;
pub mod items;
mod seal;
mod sums;
mod verify;

use uuid::Uuid;

use crate::{
    domain::entry_seal::{Fate, Item},
    error::Error,
    model::Micros,
    store::sql::{
        bulk::Batch,
        db::{Tx, on_tx},
    },
};
use items::{Row, item, note, stored};

/// The entries of a record after one, limited by number and by bytes.
const OF_RECORD: &str = "select q.customer_id, q.occurred_at, q.entry_id, q.kind, q.channel, \
        q.index_tag, q.payload, q.salt from ( \
        select p.customer_id, p.occurred_at, p.entry_id, p.kind, p.channel, \
            p.index_tag, p.payload, \
            p.salt, sum(length(p.payload)) over (order by p.occurred_at, p.entry_id) as bytes \
        from (select customer_id, occurred_at, entry_id, kind, channel, index_tag, payload, salt \
            from entries where customer_id = $1 and (occurred_at, entry_id) > ($2, $3) \
            order by occurred_at, entry_id limit 500) p) q \
    where q.bytes - length(q.payload) < 1048576 order by q.occurred_at, q.entry_id";

/// All statements of this module by name, for the test that prepares them.
pub const TEXTS: [(&str, &str); 8] = [
    ("entries.of_record", OF_RECORD),
    ("entries.set_salt", fill::SET_SALT),
    ("unsealed_entries.take", seal::TAKE),
    ("entry_seals.last", seal::LAST),
    ("entry_seals.chain", seal::CHAIN_OF),
    ("entry_seals.page", verify::SEALS),
    ("unsealed_entries.list", verify::UNSEALED),
    ("entries.all", verify::ENTRIES),
];
/// Those on the audit log.
pub const AUDIT_TEXTS: [(&str, &str); 2] =
    [("audit.entries_head", seal::HEAD), ("audit.set_entries_head", seal::SET_HEAD)];

/// Queues the removal of all entries of a record for sealing.
pub async fn note_removal(tx: &mut Tx, record: Uuid) -> Result<(), Error> {
    let (mut at, mut id) = (Micros::MIN, Uuid::nil());
    loop {
        let rows: Vec<Row> = on_tx!(&mut *tx, |c| {
            sqlx::query_as(OF_RECORD).bind(record).bind(at).bind(id).fetch_all(c).await?
        });
        let Some(last) = rows.last() else { return Ok(()) };
        (at, id) = (last.1, last.2);
        let items: Vec<Item> = rows.iter().map(|row| item(Fate::Removed, stored(row))).collect();
        let mut batch = Batch::default();
        note(&mut batch, &items);
        batch.write(tx).await?;
    }
}
