//! Who looked at a customer.

use uuid::Uuid;

use super::{LogRow, kept};
use crate::{
    error::Error,
    model::{KeptAccess, Position},
    store::{Store, db::on_db},
};

/// The looks at one record, the last first.
pub(super) const LOOKS: &str = "select at, access_id from audit_looks \
    where customer_id = $1 and (at, access_id) < ($2, $3) \
    order by at desc, access_id desc limit $4";
pub(super) const GET: &str = "select access_id, at, caller, actor, purpose, call, data, code, \
    customers, case_id from audit_log where access_id = $1";

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
        let mut looks: Vec<(i64, Uuid)> = Vec::new();
        for record in &records {
            let found: Vec<(i64, Uuid)> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(LOOKS).bind(record).bind(behind.occurred_at);
                query.bind(behind.entry_id).bind(count).fetch_all(c).await?
            });
            looks.extend(found);
        }
        looks.sort_unstable_by(|one, other| other.cmp(one));
        // One call may have told of several of the records.
        looks.dedup();
        looks.truncate(limit);
        let mut accesses = Vec::with_capacity(looks.len());
        for (_, id) in looks {
            let row: Option<LogRow> =
                on_db!(&self.db, |c| sqlx::query_as(GET).bind(id).fetch_optional(c).await?);
            accesses.extend(row.map(kept));
        }
        Ok(accesses)
    }
}
