//! Finds the entries of a record that are due: older than their rule keeps, and not part of
//! anything open.

use std::collections::HashMap;

use uuid::Uuid;

use crate::{
    error::Error,
    model::{Channel, EntryKind, Micros, RetentionKind, RetentionRules},
    store::{
        aggregate::{promise, quote},
        entry::{
            codec::{self, EntryChange},
            payload,
        },
        sql::db::{Tx, on_tx},
    },
};

/// The entries of a record after one and before a time, $4, limited by number and by bytes.
const ENTRIES: &str = "select q.occurred_at, q.entry_id, q.kind, q.channel, q.payload from ( \
        select p.occurred_at, p.entry_id, p.kind, p.channel, p.payload, \
            sum(length(p.payload)) over (order by p.occurred_at, p.entry_id) as bytes \
        from (select occurred_at, entry_id, kind, channel, payload from entries \
            where customer_id = $1 and (occurred_at, entry_id) > ($2, $3) and occurred_at < $4 \
            order by occurred_at, entry_id limit 20) p) q \
    where q.bytes - length(q.payload) < 262144 order by q.occurred_at, q.entry_id";
const CASE: &str = "select customer_id, is_open, changed_at from cases where case_id = $1";
const UNSETTLED: &str = "select content from promises \
    where customer_id = $1 and state in ('open', 'broken') order by promise_id limit 1000";

pub(super) const TEXTS: [(&str, &str); 3] = [
    ("retention.entries", ENTRIES),
    ("retention.case", CASE),
    ("retention.unsettled_promises", UNSETTLED),
];

/// An entry that is due.
#[derive(Debug)]
pub(super) struct Due {
    pub rule: usize,
    pub occurred_at: Micros,
    pub entry_id: Uuid,
    pub kind: EntryKind,
    pub channel: Option<Channel>,
    /// The stored entry.
    pub payload: Vec<u8>,
    pub whole: Option<Whole>,
}

/// The aggregate that is removed with its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whole {
    Case(Uuid),
    Promise(Uuid),
    Quote(Uuid),
}

type Row = (Micros, Uuid, String, String, Vec<u8>);

/// What is known of the aggregates of entries, under the locks of a transaction.
pub(super) struct RetentionScan<'a> {
    rules: &'a RetentionRules,
    now: Micros,
    /// When each case ended; None while it is open.
    ended: HashMap<Uuid, Option<Micros>>,
}

impl<'a> RetentionScan<'a> {
    pub fn new(rules: &'a RetentionRules, now: Micros) -> Self {
        Self { rules, now, ended: HashMap::new() }
    }

    /// The due entries among the next few after a position, and where to continue.
    pub async fn due(
        &mut self,
        tx: &mut Tx,
        record: Uuid,
        (at, id): (Micros, Uuid),
    ) -> Result<(Vec<Due>, Option<(Micros, Uuid)>), Error> {
        let bound = self.now.saturating_sub(self.rules.shortest().unwrap_or(Micros::MAX));
        let rows: Vec<Row> = on_tx!(&mut *tx, |c| {
            sqlx::query_as(ENTRIES).bind(record).bind(at).bind(id).bind(bound).fetch_all(c).await?
        });
        let next = rows.last().map(|row| (row.0, row.1));
        let mut due = Vec::new();
        for row in rows {
            due.extend(self.one(tx, record, row).await?);
        }
        Ok((due, next))
    }

    async fn one(&mut self, tx: &mut Tx, record: Uuid, row: Row) -> Result<Option<Due>, Error> {
        let (occurred_at, entry_id, kind, channel, payload) = row;
        let unreadable = Error::Inconsistent { table: "entries", column: "kind" };
        let kind = EntryKind::from_code(&kind).ok_or(unreadable)?;
        let channel = Channel::from_code(&channel);
        let keeping = RetentionKind::of(kind);
        let Some((rule, kept)) = self.rules.rule_of(keeping, channel) else { return Ok(None) };
        let bound = self.now.saturating_sub(kept.keep());
        if occurred_at >= bound {
            return Ok(None);
        }
        let entry = payload::open(&payload)?;
        let case_id: Option<Uuid> = entry.case_id.parse().ok();
        let mut ended_at = Some(occurred_at);
        if let Some(case_id) = case_id {
            ended_at = self.case_ended(tx, case_id).await?;
        }
        let Some(case_ended_at) = ended_at else { return Ok(None) };
        let told = codec::read(&entry)?.map(|(told, _)| told);
        let (whole, ended_at) = match (keeping, told) {
            (RetentionKind::Case, _) => (case_id.map(Whole::Case), Some(case_ended_at)),
            (_, Some(EntryChange::Promise { id, .. })) => {
                (Some(Whole::Promise(id)), promise_settled(tx, record, id).await?)
            }
            (_, Some(EntryChange::Quote { id, .. })) => {
                (Some(Whole::Quote(id)), quote_ended(tx, record, id).await?)
            }
            _ => (None, Some(occurred_at)),
        };
        let is_due = ended_at.is_some_and(|ended_at| ended_at < bound);
        let due = Due { rule, occurred_at, entry_id, kind, channel, payload, whole };
        Ok(is_due.then_some(due))
    }

    /// When a case ended; None while it is open or has an open promise. A removed case ended long
    /// ago.
    async fn case_ended(&mut self, tx: &mut Tx, case_id: Uuid) -> Result<Option<Micros>, Error> {
        if let Some(ended) = self.ended.get(&case_id) {
            return Ok(*ended);
        }
        let case: Option<(Uuid, bool, Micros)> =
            on_tx!(&mut *tx, |c| sqlx::query_as(CASE).bind(case_id).fetch_optional(c).await?);
        let ended = match case {
            None => Some(Micros::MIN),
            Some((_, true, _)) => None,
            Some((record, false, changed_at)) => {
                let promises: Vec<(String,)> =
                    on_tx!(tx, |c| sqlx::query_as(UNSETTLED).bind(record).fetch_all(c).await?);
                let mut is_promised = false;
                for (content,) in promises {
                    is_promised |= promise::read(&content)?.case_id == Some(case_id);
                }
                (!is_promised).then_some(changed_at)
            }
        };
        self.ended.insert(case_id, ended);
        Ok(ended)
    }
}

/// When a promise was settled; None while it is not.
async fn promise_settled(tx: &mut Tx, record: Uuid, id: Uuid) -> Result<Option<Micros>, Error> {
    let content: Option<String> = on_tx!(tx, |c| {
        sqlx::query_scalar(promise::LOAD).bind(record).bind(id).fetch_optional(c).await?
    });
    let Some(content) = content else { return Ok(Some(Micros::MIN)) };
    let promise = promise::read(&content)?;
    Ok(promise.settled_at.filter(|_| !promise.is_unsettled()))
}

/// When a quote ended, or will end.
async fn quote_ended(tx: &mut Tx, record: Uuid, id: Uuid) -> Result<Option<Micros>, Error> {
    let content: Option<String> = on_tx!(tx, |c| {
        sqlx::query_scalar(quote::LOAD).bind(record).bind(id).fetch_optional(c).await?
    });
    let Some(content) = content else { return Ok(Some(Micros::MIN)) };
    Ok(Some(quote::read(&content)?.ends_at()))
}
