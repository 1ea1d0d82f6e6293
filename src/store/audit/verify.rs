//! Whether who looked is what was written: every row and every seal is hashed again.

use std::collections::{BTreeMap, HashMap, HashSet};

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Seal, digest, seal::PAGE};
use crate::{
    error::Error,
    store::{Store, db::on_db},
    story::audit::{self, hex},
};

pub(super) const HEADS: &str = "select log, sealed, hash from audit_heads order by log";
pub(super) const LOOKS: &str = "select customer_id, at, access_id from audit_looks \
    where (customer_id, at, access_id) > ($1, $2, $3) order by customer_id, at, access_id limit $4";

/// So many problems are told; of more than these the rest is counted.
const MAX_TOLD: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many accesses there are.
    pub accesses: u64,
    pub logs: usize,
    pub seals: usize,
    /// How many accesses no seal holds yet: those of the last minute.
    pub unsealed: u64,
    /// How many seals are written down outside of the database too.
    pub outside: usize,
    /// The first things that are wrong.
    pub problems: Vec<String>,
    /// How many more there are.
    pub more_problems: u64,
}

impl Verified {
    fn wrong(&mut self, problem: String) {
        if self.problems.len() < MAX_TOLD {
            self.problems.push(problem);
        } else {
            self.more_problems += 1;
        }
    }
}

/// What the seals say of a log: how many rows, and their hash.
type Sealed = BTreeMap<i64, [u8; 32]>;

/// A hash of many things in whatever order: the sum of the hashes of each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sum([u64; 4]);

impl Sum {
    fn add(&mut self, customer: Uuid, at: i64, access: Uuid) {
        let mut hash = Sha256::new();
        hash.update(customer);
        hash.update(at.to_be_bytes());
        hash.update(access);
        let hash: [u8; 32] = hash.finalize().into();
        for (sum, bytes) in self.0.iter_mut().zip(hash.chunks_exact(8)) {
            let number = bytes.try_into().map_or(0, u64::from_be_bytes);
            *sum = sum.wrapping_add(number);
        }
    }
}

impl Store {
    /// Reads all accesses and seals, and tells what does not fit; calls may go on meanwhile.
    /// `outside` are the seals that were written down elsewhere; without them nobody can tell that
    /// all was made anew, or that the end was cut off.
    pub async fn verify_accesses(&self, outside: &[Seal]) -> Result<Verified, Error> {
        let mut found = Verified::default();
        let heads = self.heads().await?;
        let logs = self.verify_seals(outside, &mut found).await?;
        self.verify_heads(&heads, &logs, &mut found).await?;
        let (looks, counts) = self.verify_rows(&logs, &mut found).await?;
        if self.sum_looks(&counts).await? != looks {
            found.wrong("audit_looks does not hold what audit_log holds".to_owned());
        }
        Ok(found)
    }

    /// The seals and their chain. What is sealed of each log is answered.
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
                logs.entry(seal.log).or_default().insert(seal.sealed, seal.hash);
            }
            last = newest;
        }
        let mut missing: Vec<i64> = written.into_keys().collect();
        missing.sort_unstable();
        for number in missing {
            found.wrong(format!("seal {number}: is missing, but stands outside of the database"));
        }
        found.logs = logs.len();
        Ok(logs)
    }

    async fn heads(&self) -> Result<Vec<(i64, i64, Vec<u8>)>, Error> {
        Ok(on_db!(&self.db, |c| sqlx::query_as(HEADS).fetch_all(c).await?))
    }

    /// What the work of sealing goes by, as it was before the seals were read: each is a seal, and
    /// each log that is sealed has one.
    async fn verify_heads(
        &self,
        heads: &[(i64, i64, Vec<u8>)],
        logs: &HashMap<i64, Sealed>,
        found: &mut Verified,
    ) -> Result<(), Error> {
        for (log, sealed, hash) in heads {
            let seal = logs.get(log).and_then(|seals| seals.get(sealed));
            if seal != Some(&digest(hash)) {
                found.wrong(format!("log {log:016x}: audit_heads is not what a seal says"));
            }
        }
        let known: HashSet<i64> = self.heads().await?.into_iter().map(|(log, ..)| log).collect();
        if !logs.keys().all(|log| known.contains(log)) {
            found.wrong("audit_heads does not hold the logs that are sealed".to_owned());
        }
        Ok(())
    }

    /// The rows of all logs against their seals. Whom they tell of is answered, and how many rows
    /// each log has.
    async fn verify_rows(
        &self,
        logs: &HashMap<i64, Sealed>,
        found: &mut Verified,
    ) -> Result<(Sum, HashMap<i64, i64>), Error> {
        let mut looks = Sum::default();
        let mut behind = Uuid::nil();
        let mut counts: HashMap<i64, i64> = HashMap::new();
        // The log at hand, how many rows of it were read, and their hash.
        let (mut log, mut count, mut hash) = (0, 0, [0; 32]);
        loop {
            let rows = self.rows_behind(behind).await?;
            let Some(newest) = rows.last().map(|row| row.id) else { break };
            for row in rows {
                found.accesses += 1;
                let (of, number) = audit::place(row.id);
                if counts.is_empty() || of != log {
                    if !counts.is_empty() {
                        end_log(logs, log, count, found);
                    }
                    (log, count, hash) = (of, 0, audit::start(of));
                    if !logs.contains_key(&of) {
                        found.wrong(format!("log {of:016x}: no seal knows it"));
                    }
                }
                if number != count + 1 {
                    found.wrong(format!("log {log:016x}: access {} is missing", count + 1));
                }
                (count, hash) = (number, audit::next(&hash, &row));
                counts.insert(log, count);
                let seal = logs.get(&log).and_then(|sealed| sealed.get(&count));
                if seal.is_some_and(|seal| *seal != hash) {
                    let problem = format!("log {log:016x}: its {count} first accesses are not");
                    found.wrong(format!("{problem} what was sealed ({})", hex(&hash)));
                }
                for customer in &row.access.customers {
                    looks.add(*customer, row.access.at, row.id);
                }
            }
            behind = newest;
        }
        if !counts.is_empty() {
            end_log(logs, log, count, found);
        }
        for (log, sealed) in logs {
            let last = sealed.last_key_value().map_or(0, |(last, _)| *last);
            if last > 0 && !counts.contains_key(log) {
                found.wrong(format!("log {log:016x}: all of its {last} accesses are missing"));
            }
        }
        Ok((looks, counts))
    }

    /// The looks at customers, as far as they are of the rows that were read.
    async fn sum_looks(&self, counts: &HashMap<i64, i64>) -> Result<Sum, Error> {
        let mut sum = Sum::default();
        let mut others: HashSet<i64> = HashSet::new();
        let mut behind = (Uuid::nil(), i64::MIN, Uuid::nil());
        loop {
            let looks: Vec<(Uuid, i64, Uuid)> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(LOOKS).bind(behind.0).bind(behind.1).bind(behind.2);
                query.bind(PAGE).fetch_all(c).await?
            });
            let Some(last) = looks.last() else { break };
            behind = *last;
            for (customer, at, access) in looks {
                let (log, count) = audit::place(access);
                match counts.get(&log) {
                    // One that was kept since.
                    Some(read) if count > *read => {}
                    Some(_) => sum.add(customer, at, access),
                    None => drop(others.insert(log)),
                }
            }
        }
        // A log that began since is known by now; any other look was put in by somebody.
        let known: HashSet<i64> = self.heads().await?.into_iter().map(|(log, ..)| log).collect();
        for log in others.difference(&known) {
            sum.add(Uuid::nil(), *log, Uuid::nil());
        }
        Ok(sum)
    }
}

/// What is to be said of a log once all of its rows were read.
fn end_log(logs: &HashMap<i64, Sealed>, log: i64, count: i64, found: &mut Verified) {
    let sealed = logs.get(&log).and_then(|sealed| sealed.last_key_value());
    let sealed = sealed.map_or(0, |(sealed, _)| *sealed);
    if sealed > count {
        found.wrong(format!("log {log:016x}: its accesses from {} on are missing", count + 1));
    }
    found.unsealed += count.saturating_sub(sealed).max(0).unsigned_abs();
}
