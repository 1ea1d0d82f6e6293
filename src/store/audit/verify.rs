//! Verifies the audit log: hashes every row and every seal again.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::row::{ENTRIES_LOG, Line, LineRow, PAGE, digest};
use crate::{
    domain::audit::{self, hex},
    error::Error,
    model::Seal,
    store::{Store, sql::db::on_db},
};

pub(super) const HEADS: &str =
    "select log, sealed, hash, sealed_at, is_closed from audit_heads order by log";
pub(super) const ROWS: &str = "select log, number, at, access from audit_log \
    where (log, number) > ($1, $2) order by log, number limit $3";
pub(super) const LAST_ROW: &str =
    "select number from audit_log where log = $1 order by number desc limit 1";
pub(super) const INDEX: &str = "select customer_id, at, log, number from audit_index \
    where (customer_id, at, log, number) > ($1, $2, $3, $4) \
    order by customer_id, at, log, number limit $5";

/// How many problems are reported; further ones are counted.
const MAX_TOLD: usize = 20;

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The number of audit entries.
    pub audit_entries: u64,
    pub logs: usize,
    pub seals: usize,
    /// The number of audit entries without a seal: those of the last minute.
    pub unsealed: u64,
    /// The number of seals that are also outside of the database.
    pub outside: usize,
    /// The number of entries.
    pub entries: u64,
    pub entry_seals: usize,
    /// The number of entries without a seal.
    pub unsealed_entries: u64,
    /// The number of entries removed by retention or an erasure.
    pub removed_entries: u64,
    /// Where an older state of the database was restored.
    pub put_back: Vec<String>,
    /// The first problems.
    pub problems: Vec<String>,
    /// How many further problems there are.
    pub more_problems: u64,
}

impl Verified {
    pub(in crate::store) fn wrong(&mut self, problem: String) {
        if self.problems.len() < MAX_TOLD {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

/// A row of `audit_heads`.
type Head = (i64, i64, Vec<u8>, i64, bool);

/// The seals of a log by number of rows: their hash, and when each was made. Two servers may have
/// made the same.
type Sealed = BTreeMap<i64, ([u8; 32], Vec<i64>)>;

/// A row of `audit_index`: customer, time, log and number.
type IndexRow = (Uuid, i64, i64, i64);

/// The index rows that the log implies.
struct Expected {
    /// Those of sealed rows, all of which must exist.
    sealed: Sum,
    /// Those of other rows, which may exist.
    unsealed: HashSet<IndexRow>,
    /// The number of rows read of each log.
    counts: HashMap<i64, i64>,
}

/// A hash of a multiset: the sum of the hashes of its elements. The key is different each time, so
/// that nobody can prepare elements with the same sum.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    key: [u8; 32],
    sum: [u64; 4],
}

impl Sum {
    fn of_nothing(key: [u8; 32]) -> Self {
        Self { key, sum: [0; 4] }
    }

    fn add(&mut self, (customer, at, log, number): IndexRow) {
        let mut hash = Sha256::new();
        hash.update(self.key);
        hash.update(customer);
        for number in [at, log, number] {
            hash.update(number.to_be_bytes());
        }
        let hash: [u8; 32] = hash.finalize().into();
        for (sum, bytes) in self.sum.iter_mut().zip(hash.chunks_exact(8)) {
            let number = bytes.try_into().map_or(0, u64::from_be_bytes);
            *sum = sum.wrapping_add(number);
        }
    }
}

impl Store {
    /// Reads all audit entries and seals and reports what does not match; calls may continue
    /// meanwhile. `outside` are the seals outside of the database; without them nobody can detect
    /// that everything was recomputed or that the end was cut off.
    pub async fn verify_audit(&self, outside: &[Seal]) -> Result<Verified, Error> {
        let mut found = Verified::default();
        let heads = self.heads().await?;
        let logs = self.verify_seals(outside, &mut found).await?;
        self.verify_heads(&heads, &logs, &mut found).await?;
        let expected = self.verify_rows(&logs, &mut found).await?;
        self.verify_ends(&heads, &logs, &expected, &mut found).await?;
        if !self.is_index_of(&logs, &expected).await? {
            found.wrong("audit_index does not hold what audit_log holds".to_owned());
        }
        Ok(found)
    }

    /// Verifies the seals and their chain. Returns what they say of each log.
    async fn verify_seals(
        &self,
        outside: &[Seal],
        found: &mut Verified,
    ) -> Result<HashMap<i64, Sealed>, Error> {
        let mut written: HashMap<i64, Vec<&Seal>> = HashMap::new();
        outside.iter().for_each(|seal| written.entry(seal.number).or_default().push(seal));
        found.outside = written.len();
        let mut logs: HashMap<i64, Sealed> = HashMap::new();
        let (mut last, mut chain) = (0, audit::FIRST_CHAIN);
        loop {
            let seals = self.seals_behind(last, PAGE).await?;
            let Some(newest) = seals.last().map(|seal| seal.number) else { break };
            found.seals += seals.len();
            for seal in seals {
                let number = seal.number;
                if number != last + 1 {
                    found.wrong(format!("seal {}: is missing", last + 1));
                }
                if audit::chain(&chain, &seal) != seal.chain {
                    found.wrong(format!("seal {number}: does not follow from those before it"));
                }
                let elsewhere = written.remove(&number).unwrap_or_default();
                if elsewhere.iter().any(|written| **written != seal) {
                    found.wrong(format!("seal {number}: is another one outside of the database"));
                }
                (last, chain) = (number, seal.chain);
                if seal.log == ENTRIES_LOG {
                    // The seals of entries are compared with the entries.
                    continue;
                }
                let rows = logs.entry(seal.log).or_default().entry(seal.sealed);
                let (hash, times) = rows.or_insert_with(|| (seal.hash, Vec::new()));
                times.push(seal.sealed_at);
                if *hash != seal.hash {
                    found.wrong(format!("seal {number}: another one of the same rows differs"));
                }
            }
            last = newest;
        }
        let mut missing: Vec<i64> = written.into_keys().collect();
        missing.sort_unstable();
        for number in missing {
            found.wrong(format!("seal {number}: is missing, but is outside of the database"));
        }
        found.logs = logs.len();
        Ok(logs)
    }

    async fn heads(&self) -> Result<Vec<Head>, Error> {
        Ok(on_db!(&self.audit, |c| sqlx::query_as(HEADS).fetch_all(c).await?))
    }

    /// Verifies the heads, read before the seals: each is a seal, and each sealed log has one.
    async fn verify_heads(
        &self,
        heads: &[Head],
        logs: &HashMap<i64, Sealed>,
        found: &mut Verified,
    ) -> Result<(), Error> {
        for (log, sealed, hash, sealed_at, _) in heads.iter().filter(|it| it.0 != ENTRIES_LOG) {
            let seal = logs.get(log).and_then(|seals| seals.get(sealed));
            if seal.is_none_or(|(of, times)| *of != digest(hash) || !times.contains(sealed_at)) {
                found.wrong(format!("log {log:016x}: audit_heads is not what a seal says"));
            }
        }
        let known: HashSet<i64> = self.heads().await?.into_iter().map(|(log, ..)| log).collect();
        if !logs.keys().all(|log| known.contains(log)) {
            found.wrong("audit_heads does not hold the logs that are sealed".to_owned());
        }
        Ok(())
    }

    /// Verifies the rows of all logs against their seals. Returns the index rows that they imply.
    async fn verify_rows(
        &self,
        logs: &HashMap<i64, Sealed>,
        found: &mut Verified,
    ) -> Result<Expected, Error> {
        let mut expected = Expected {
            sealed: Sum::of_nothing(self.clock.new_key()),
            unsealed: HashSet::new(),
            counts: HashMap::new(),
        };
        // The current log, the number of its rows read, and their hash.
        let (mut log, mut count, mut hash) = (0, 0, [0; 32]);
        let mut behind = (i64::MIN, i64::MIN);
        loop {
            let rows: Vec<LineRow> = on_db!(&self.audit, |c| {
                let query = sqlx::query_as(ROWS).bind(behind.0).bind(behind.1);
                query.bind(PAGE).fetch_all(c).await?
            });
            let Some(newest) = rows.last() else { break };
            behind = (newest.0, newest.1);
            for row in rows.into_iter().map(Line::from) {
                found.audit_entries += 1;
                if expected.counts.is_empty() || row.log != log {
                    if !expected.counts.is_empty() {
                        end_log(logs, log, count, found);
                    }
                    (log, count, hash) = (row.log, 0, audit::start(row.log));
                }
                if row.number != count + 1 {
                    found.wrong(format!("log {log:016x}: access {} is missing", count + 1));
                }
                (count, hash) = (row.number, row.hash(&hash));
                expected.counts.insert(log, count);
                let seal = logs.get(&log).and_then(|sealed| sealed.get(&count));
                if seal.is_some_and(|(seal, _)| *seal != hash) {
                    let problem =
                        format!("log {log:016x}: its {count} first audit entries are not");
                    found.wrong(format!("{problem} what was sealed ({})", hex(&hash)));
                }
                for customer in row.customers() {
                    let indexed = (customer, row.at, log, count);
                    match count <= last_sealed(logs, log) {
                        true => expected.sealed.add(indexed),
                        false => drop(expected.unsealed.insert(indexed)),
                    }
                }
            }
        }
        if !expected.counts.is_empty() {
            end_log(logs, log, count, found);
        }
        for log in logs.keys() {
            let last = last_sealed(logs, *log);
            if last > 0 && !expected.counts.contains_key(log) {
                found.wrong(format!("log {log:016x}: all of its {last} audit entries are missing"));
            }
        }
        Ok(expected)
    }

    /// Verifies the ends of the logs: each begins with a seal, and a closed one ends with one.
    async fn verify_ends(
        &self,
        heads: &[Head],
        logs: &HashMap<i64, Sealed>,
        expected: &Expected,
        found: &mut Verified,
    ) -> Result<(), Error> {
        let mut unknown: HashSet<i64> = expected.counts.keys().copied().collect();
        unknown.retain(|log| !logs.contains_key(log));
        // A log that began after the seals were read has one by now.
        let mut last = i64::try_from(found.seals).unwrap_or(i64::MAX);
        while !unknown.is_empty() {
            let seals = self.seals_behind(last, PAGE).await?;
            let Some(newest) = seals.last() else { break };
            last = newest.number;
            unknown.retain(|log| !seals.iter().any(|seal| seal.log == *log));
        }
        for log in unknown {
            found.wrong(format!("log {log:016x}: no seal knows it"));
        }
        for (log, sealed, _, _, is_closed) in heads {
            if *is_closed && expected.counts.get(log).is_some_and(|count| count > sealed) {
                found.wrong(format!("log {log:016x}: has audit entries after its end"));
            }
        }
        Ok(())
    }

    /// Whether the index matches the log: it has all rows of sealed entries, and no others.
    async fn is_index_of(
        &self,
        logs: &HashMap<i64, Sealed>,
        expected: &Expected,
    ) -> Result<bool, Error> {
        let mut sum = Sum::of_nothing(expected.sealed.key);
        // The last row of each log that the index names beyond those that were read.
        let mut later: HashMap<i64, i64> = HashMap::new();
        let mut behind: IndexRow = (Uuid::nil(), i64::MIN, i64::MIN, i64::MIN);
        loop {
            let rows: Vec<IndexRow> = on_db!(&self.audit, |c| {
                let query = sqlx::query_as(INDEX).bind(behind.0).bind(behind.1).bind(behind.2);
                query.bind(behind.3).bind(PAGE).fetch_all(c).await?
            });
            let Some(last) = rows.last() else { break };
            behind = *last;
            for indexed in rows {
                let (_, _, log, number) = indexed;
                if number <= last_sealed(logs, log) {
                    sum.add(indexed);
                } else if number > expected.counts.get(&log).copied().unwrap_or(0) {
                    let last = later.entry(log).or_insert(number);
                    *last = number.max(*last);
                } else if !expected.unsealed.contains(&indexed) {
                    return Ok(false);
                }
            }
        }
        // Those were added since; any other row was inserted by somebody.
        for (log, number) in later {
            let last: Option<i64> = on_db!(&self.audit, |c| {
                sqlx::query_scalar(LAST_ROW).bind(log).fetch_optional(c).await?
            });
            if last.is_none_or(|last| last < number) {
                return Ok(false);
            }
        }
        Ok(sum == expected.sealed)
    }
}

/// How many rows of a log are sealed.
fn last_sealed(logs: &HashMap<i64, Sealed>, log: i64) -> i64 {
    let last = logs.get(&log).and_then(|sealed| sealed.last_key_value());
    last.map_or(0, |(last, _)| *last)
}

/// Verifies a log once all of its rows were read.
fn end_log(logs: &HashMap<i64, Sealed>, log: i64, count: i64, found: &mut Verified) {
    let sealed = last_sealed(logs, log);
    if sealed > count {
        found.wrong(format!("log {log:016x}: its audit entries from {} on are missing", count + 1));
    }
    found.unsealed += count.saturating_sub(sealed).max(0).unsigned_abs();
}
