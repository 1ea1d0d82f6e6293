//! Who looked at a customer.

use std::cmp::Reverse;

use uuid::Uuid;

use super::{LogRow, kept};
use crate::{
    error::Error,
    model::{KeptAccess, Position},
    store::{Store, db::on_db},
};

/// The looks at one record, the last first.
pub(super) const LOOKS: &str = "select a.access_id, a.at, a.caller, a.actor, a.purpose, a.call, \
    a.data, a.code, a.customers, a.case_id \
    from audit_looks l join audit_log a on a.access_id = l.access_id \
    where l.customer_id = $1 and (l.at, l.access_id) < ($2, $3) \
    order by l.at desc, l.access_id desc limit $4";

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
        let last = Position { occurred_at: i64::MAX, entry_id: Uuid::max() };
        let behind = after.unwrap_or(last);
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut accesses: Vec<KeptAccess> = Vec::new();
        for record in &records {
            let found: Vec<LogRow> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(LOOKS).bind(record).bind(behind.occurred_at);
                query.bind(behind.entry_id).bind(count).fetch_all(c).await?
            });
            accesses.extend(found.into_iter().map(kept));
        }
        accesses.sort_unstable_by_key(|kept| Reverse((kept.access.at, kept.id)));
        // One call may have told of several of the records.
        accesses.dedup_by_key(|kept| kept.id);
        accesses.truncate(limit);
        Ok(accesses)
    }
}
