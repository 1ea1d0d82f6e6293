//! Lists the audit log of a customer.

use std::cmp::Reverse;

use uuid::Uuid;

use super::row::{Line, LineRow};
use crate::{
    domain::audit,
    error::Error,
    model::{Position, StoredAuditEntry},
    store::{Store, sql::db::on_db},
};

/// The audit entries of one record, the newest first.
pub(super) const ENTRIES_OF: &str = "select a.log, a.number, a.at, a.access \
    from audit_index l join audit_log a on a.log = l.log and a.number = l.number \
    where l.customer_id = $1 and (l.at, l.log, l.number) < ($2, $3, $4) \
    order by l.at desc, l.log desc, l.number desc limit $5";

/// Rows that are not sealed and therefore not indexed: they are scanned, some ten thousands at
/// most.
pub(super) const UNSEALED: &str = "select a.log, a.number, a.at, a.access \
    from audit_heads h join audit_log a on a.log = h.log and a.number > h.sealed \
    where not h.is_closed and a.access like $1 and (a.at, a.log, a.number) < ($2, $3, $4) \
    order by a.at desc, a.log desc, a.number desc limit $5";

impl Store {
    /// The audit entries of a customer, across all merged records, the newest first, after `after`
    /// and at most `limit`. They remain when the customer is erased, and the erasure is one of
    /// them.
    pub async fn list_audit_entries(
        &self,
        customer_id: Uuid,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<StoredAuditEntry>, Error> {
        let records = match self.records_even_restricted(customer_id).await {
            Err(Error::CustomerNotFound) => {
                let erasure = self.get_erasure(customer_id).await?;
                erasure.ok_or(Error::CustomerNotFound)?.records
            }
            records => records?,
        };
        let mut entries: Vec<StoredAuditEntry> = Vec::new();
        for record in records {
            entries.extend(self.audit_entries_of(record, after, limit).await?);
        }
        Ok(newest(entries, limit))
    }

    /// The audit entries of one record, without resolving its customer.
    pub(in crate::store) async fn audit_entries_of(
        &self,
        record: Uuid,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<StoredAuditEntry>, Error> {
        let last = Position { occurred_at: i64::MAX, entry_id: Uuid::max() };
        let Position { occurred_at, entry_id } = after.unwrap_or(last);
        let (log, number) = audit::place(entry_id);
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        // Only in the list of customers: a user may have the same name.
        let text = format!("%\"customers\":[%\"{record}\"%");
        // Unsealed rows are read first: a row that is sealed meanwhile appears in both.
        let mut found: Vec<LineRow> = on_db!(&self.audit, |c| {
            let query = sqlx::query_as(UNSEALED).bind(text).bind(occurred_at);
            query.bind(log).bind(number).bind(count).fetch_all(c).await?
        });
        found.extend::<Vec<LineRow>>(on_db!(&self.audit, |c| {
            let query = sqlx::query_as(ENTRIES_OF).bind(record).bind(occurred_at);
            query.bind(log).bind(number).bind(count).fetch_all(c).await?
        }));
        let lines = found.into_iter().map(Line::from);
        Ok(newest(lines.filter_map(|line| line.read()).collect(), limit))
    }
}

/// The newest entries, each once: a call may have concerned several records.
fn newest(mut entries: Vec<StoredAuditEntry>, limit: usize) -> Vec<StoredAuditEntry> {
    entries.sort_unstable_by_key(|kept| Reverse((kept.access.at, kept.id)));
    entries.dedup_by_key(|kept| kept.id);
    entries.truncate(limit);
    entries
}
