//! Verifies entries: hashes each entry again and compares it with the seals.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::{
    items::{Row, stored},
    seal::head,
    sums::{Sums, group},
};
use crate::{
    domain::entry_seal::{FIRST_CHAIN, Fate, Item, chain, read_items},
    error::Error,
    model::{Micros, Seal},
    store::{
        Store, Verified,
        audit::row::{ENTRIES_LOG, digest},
        sql::db::{Db, Tx, on_tx},
    },
};

pub(super) const SEALS: &str = "select number, items, sealed_at, chain from entry_seals \
    where number > $1 order by number limit 8";
pub(super) const UNSEALED: &str =
    "select id, items from unsealed_entries where id > $1 order by id limit 256";
/// Limited by number and by bytes.
pub(super) const ENTRIES: &str = "select q.customer_id, q.occurred_at, q.entry_id, q.kind, \
        q.channel, q.index_tag, q.payload, q.salt from ( \
        select p.customer_id, p.occurred_at, p.entry_id, p.kind, p.channel, \
            p.index_tag, p.payload, \
            p.salt, sum(length(p.payload)) \
            over (order by p.customer_id, p.occurred_at, p.entry_id) as bytes \
        from (select customer_id, occurred_at, entry_id, kind, channel, index_tag, payload, salt \
            from entries where (customer_id, occurred_at, entry_id) > ($1, $2, $3) \
            order by customer_id, occurred_at, entry_id limit 1000) p) q \
    where q.bytes - length(q.payload) < 1048576 \
    order by q.customer_id, q.occurred_at, q.entry_id";

/// How many differing groups are read again: each has a 4,096th of all entries.
const MAX_GROUPS: usize = 32;

type SealRow = (i64, Vec<u8>, Micros, Vec<u8>);

/// What the seals say of an entry: usually that it was recorded once.
#[derive(Default)]
struct History {
    recorded: Vec<[u8; 32]>,
    removed: Vec<[u8; 32]>,
}

impl Store {
    /// Verifies the audit log and all entries and reports what differs from the seals; calls may
    /// continue meanwhile. `outside` are the seals outside of the database. Without them nobody can
    /// detect that everything was recomputed or that the end was cut off.
    pub async fn verify(&self, outside: &[Seal]) -> Result<Verified, Error> {
        let mut found = self.verify_audit(outside).await?;
        self.verify_entries(&mut found).await?;
        Ok(found)
    }

    async fn verify_entries(&self, found: &mut Verified) -> Result<(), Error> {
        // The audit log first: it never knows more than the database, which is read after it.
        let anchors = self.anchors(found).await?;
        let tx = &mut self.db.snapshot().await?;
        let mut sums = Sums::new(self.clock.new_key());
        verify_chain(tx, anchors, found, |item| match item.fate {
            Fate::Recorded => sums.add(item.entry_id, &item.hash),
            Fate::Removed => sums.subtract(item.entry_id, &item.hash),
        })
        .await?;
        each_entry(tx, |row, hash| {
            found.entries += 1;
            sums.subtract(row.2, &hash);
        })
        .await?;
        let mut groups = sums.differing();
        let more = groups.split_off(groups.len().min(MAX_GROUPS)).len();
        if !groups.is_empty() {
            compare(tx, &groups, found).await?;
        }
        found.more_problems += u64::try_from(more).unwrap_or(u64::MAX);
        Ok(())
    }

    /// The seals of entries that the audit log knows, by number. If an older state of the database
    /// was restored, those after it no longer apply, which is reported.
    async fn anchors(&self, found: &mut Verified) -> Result<BTreeMap<i64, [u8; 32]>, Error> {
        let head = head(&self.audit).await?;
        let mut anchors: BTreeMap<i64, [u8; 32]> = BTreeMap::new();
        let (mut behind, mut is_head_known) = (0, head.is_none());
        loop {
            let seals = self.seals_behind(behind, 1000).await?;
            let Some(newest) = seals.last() else { break };
            behind = newest.number;
            for seal in seals.into_iter().filter(|seal| seal.log == ENTRIES_LOG) {
                is_head_known |= head == Some((seal.sealed, seal.hash));
                let undone = anchors.split_off(&(seal.sealed + 1));
                if let Some((last, _)) = undone.last_key_value() {
                    let state = format!("seal {} of entries", seal.sealed);
                    let text = format!("seal {}: after seal {last} of entries", seal.number);
                    let text = format!("{text} the database was put back to {state}");
                    match self.db {
                        Db::Sqlite { .. } => found.put_back.push(text),
                        // Its audit log is restored with it.
                        Db::Postgres(_) => found.wrong(text),
                    }
                }
                let before = anchors.insert(seal.sealed, seal.hash);
                if before.is_some_and(|before| before != seal.hash) {
                    found.wrong(format!("seal {}: another one of it differs", seal.number));
                }
            }
        }
        if !is_head_known {
            found.wrong("audit_heads does not say what is sealed of entries".to_owned());
        }
        Ok(anchors)
    }
}

/// Verifies the chain of seals against the audit log. `visit` is called with each item, also with
/// those that wait to be sealed.
async fn verify_chain(
    tx: &mut Tx,
    mut anchors: BTreeMap<i64, [u8; 32]>,
    found: &mut Verified,
    mut visit: impl FnMut(&Item),
) -> Result<(), Error> {
    let (mut last, mut before) = (0, FIRST_CHAIN);
    each_seal(tx, |(number, items, sealed_at, kept)| {
        found.entry_seals += 1;
        if number != last + 1 {
            found.wrong(format!("seal {} of entries: is missing", last + 1));
        }
        if chain(&before, number, sealed_at, &items) != digest(&kept) {
            found.wrong(format!("seal {number} of entries: is not what was sealed"));
        }
        (last, before) = (number, digest(&kept));
        if anchors.remove(&number).is_some_and(|anchor| anchor != before) {
            found.wrong(format!("seal {number} of entries: is another one in the audit log"));
        }
        match read_items(&items) {
            None => found.wrong(format!("seal {number} of entries: cannot be read")),
            Some(items) => items.iter().for_each(|item| {
                found.removed_entries += u64::from(item.fate == Fate::Removed);
                visit(item);
            }),
        }
    })
    .await?;
    for (number, anchor) in anchors {
        // That there was none at the start is known too.
        if (number, anchor) != (0, FIRST_CHAIN) {
            found.wrong(format!("seal {number} of entries: is missing, but the audit log has it"));
        }
    }
    each_unsealed(tx, |items| match read_items(&items) {
        None => found.wrong("unsealed_entries: a row cannot be read".to_owned()),
        Some(items) => items.iter().for_each(|item| {
            found.removed_entries += u64::from(item.fate == Fate::Removed);
            found.unsealed_entries += u64::from(item.fate == Fate::Recorded);
            visit(item);
        }),
    })
    .await
}

/// Compares the entries of some groups with the seals, one by one.
async fn compare(tx: &mut Tx, groups: &[usize], found: &mut Verified) -> Result<(), Error> {
    let mut histories: HashMap<Uuid, History> = HashMap::new();
    let mut apply = |items: Vec<u8>| {
        for item in read_items(&items).unwrap_or_default() {
            if groups.contains(&group(item.entry_id)) {
                let history = histories.entry(item.entry_id).or_default();
                match item.fate {
                    Fate::Recorded => history.recorded.push(item.hash),
                    Fate::Removed => history.removed.push(item.hash),
                }
            }
        }
    };
    each_seal(tx, |(_, items, ..)| apply(items)).await?;
    each_unsealed(tx, apply).await?;
    each_entry(tx, |row, hash| {
        if groups.contains(&group(row.2))
            && let Some(problem) = histories.remove(&row.2).unwrap_or_default().problem(&hash)
        {
            found.wrong(format!("entry {} of record {}: {problem}", row.2, row.0));
        }
    })
    .await?;
    let mut gone: Vec<(Uuid, History)> = histories.into_iter().collect();
    gone.sort_unstable_by_key(|(id, _)| *id);
    for (id, mut history) in gone {
        history.settle();
        if !history.recorded.is_empty() {
            found.wrong(format!("entry {id}: is missing"));
        } else if !history.removed.is_empty() {
            found.wrong(format!("entry {id}: was removed, but not as it had been recorded"));
        }
    }
    Ok(())
}

impl History {
    /// Cancels removals against the matching recordings.
    fn settle(&mut self) {
        self.removed.retain(|hash| {
            let recorded = self.recorded.iter().position(|recorded| recorded == hash);
            recorded.map(|place| self.recorded.remove(place)).is_none()
        });
    }

    /// The problem of an existing entry, if any.
    fn problem(mut self, hash: &[u8; 32]) -> Option<&'static str> {
        let was_removed = !self.removed.is_empty();
        self.settle();
        match self.recorded.as_slice() {
            [] if was_removed => Some("was removed, and is there again"),
            [] => Some("was put in: no seal has it"),
            [recorded] if recorded == hash && self.removed.is_empty() => None,
            _ => Some("is not what was recorded"),
        }
    }
}

async fn each_seal(tx: &mut Tx, mut visit: impl FnMut(SealRow)) -> Result<(), Error> {
    let mut behind = i64::MIN;
    loop {
        let rows: Vec<SealRow> =
            on_tx!(&mut *tx, |c| sqlx::query_as(SEALS).bind(behind).fetch_all(c).await?);
        let Some(last) = rows.last() else { return Ok(()) };
        behind = last.0;
        rows.into_iter().for_each(&mut visit);
    }
}

async fn each_unsealed(tx: &mut Tx, mut visit: impl FnMut(Vec<u8>)) -> Result<(), Error> {
    let mut behind = Uuid::nil();
    loop {
        let rows: Vec<(Uuid, Vec<u8>)> =
            on_tx!(&mut *tx, |c| sqlx::query_as(UNSEALED).bind(behind).fetch_all(c).await?);
        let Some(last) = rows.last() else { return Ok(()) };
        behind = last.0;
        rows.into_iter().for_each(|(_, items)| visit(items));
    }
}

/// Reads all entries, each with its hash.
async fn each_entry(tx: &mut Tx, mut visit: impl FnMut(&Row, [u8; 32])) -> Result<(), Error> {
    let mut behind = (Uuid::nil(), Micros::MIN, Uuid::nil());
    loop {
        let rows: Vec<Row> = on_tx!(&mut *tx, |c| {
            let query = sqlx::query_as(ENTRIES).bind(behind.0).bind(behind.1).bind(behind.2);
            query.fetch_all(c).await?
        });
        let Some(last) = rows.last() else { return Ok(()) };
        behind = (last.0, last.1, last.2);
        rows.iter().for_each(|row| visit(row, stored(row).hash()));
    }
}
