//! Who looked at a customer.

use std::cmp::Reverse;

use uuid::Uuid;

use super::{Line, LineRow};
use crate::{
    error::Error,
    model::{KeptAccess, Position},
    store::{Store, db::on_db},
    story::audit,
};

/// The looks at one record, the last first.
pub(super) const LOOKS: &str = "select a.log, a.number, a.at, a.access \
    from audit_looks l join audit_log a on a.log = l.log and a.number = l.number \
    where l.customer_id = $1 and (l.at, l.log, l.number) < ($2, $3, $4) \
    order by l.at desc, l.log desc, l.number desc limit $5";

/// Those of the rows that are not sealed: they are looked through, some ten thousands at most.
pub(super) const UNSEALED: &str = "select a.log, a.number, a.at, a.access \
    from audit_heads h join audit_log a on a.log = h.log and a.number > h.sealed \
    where not h.is_closed and a.access like $1 and (a.at, a.log, a.number) < ($2, $3, $4) \
    order by a.at desc, a.log desc, a.number desc limit $5";

impl Store {
    /// The accesses to a customer, of merged records to any of them, the last one first, behind
    /// `after` and at most `limit`. They stay when the customer is erased, and who did so is one.
    pub async fn list_accesses(
        &self,
        customer_id: Uuid,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<KeptAccess>, Error> {
        let records = match self.records_even_restricted(customer_id).await {
            Err(Error::CustomerNotFound) => {
                let erasure = self.get_erasure(customer_id).await?;
                erasure.ok_or(Error::CustomerNotFound)?.records
            }
            records => records?,
        };
        let mut accesses: Vec<KeptAccess> = Vec::new();
        for record in records {
            accesses.extend(self.accesses_to(record, after, limit).await?);
        }
        Ok(newest(accesses, limit))
    }

    /// The same of one record, which nothing else is known of here.
    pub(in crate::store) async fn accesses_to(
        &self,
        record: Uuid,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<KeptAccess>, Error> {
        let last = Position { occurred_at: i64::MAX, entry_id: Uuid::max() };
        let Position { occurred_at, entry_id } = after.unwrap_or(last);
        let (log, number) = audit::place(entry_id);
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        // In the list of customers: whoever acts may be called like one.
        let text = format!("%\"customers\":[%\"{record}\"%");
        // These first: what is sealed meanwhile is in both.
        let mut found: Vec<LineRow> = on_db!(&self.audit, |c| {
            let query = sqlx::query_as(UNSEALED).bind(text).bind(occurred_at);
            query.bind(log).bind(number).bind(count).fetch_all(c).await?
        });
        found.extend::<Vec<LineRow>>(on_db!(&self.audit, |c| {
            let query = sqlx::query_as(LOOKS).bind(record).bind(occurred_at);
            query.bind(log).bind(number).bind(count).fetch_all(c).await?
        }));
        let lines = found.into_iter().map(Line::from);
        Ok(newest(lines.filter_map(|line| line.read()).collect(), limit))
    }
}

/// The last ones, each once: a call may have told of several records.
fn newest(mut accesses: Vec<KeptAccess>, limit: usize) -> Vec<KeptAccess> {
    accesses.sort_unstable_by_key(|kept| Reverse((kept.access.at, kept.id)));
    accesses.dedup_by_key(|kept| kept.id);
    accesses.truncate(limit);
    accesses
}
