//! Lists of cases.

use uuid::Uuid;

use super::case::read;
use crate::{
    error::Error,
    model::{Case, Position},
    store::{
        Store,
        sql::{db::on_db, dialect},
    },
};

const LIST_OF_QUEUE: &str = "select content from cases where queue = $1 and queue <> '' \
    and (changed_at, case_id) < ($2, $3) order by changed_at desc, case_id desc limit $4";
const LIST_OF_OWNER: &str = "select content from cases where owner = $1 and owner <> '' \
    and (changed_at, case_id) < ($2, $3) order by changed_at desc, case_id desc limit $4";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 2] =
    [("cases.of_queue", LIST_OF_QUEUE), ("cases.of_owner", LIST_OF_OWNER)];

/// Which cases to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CasesOf {
    Customer { customer_id: Uuid, open_only: bool },
    Queue(String),
    Owner(String),
}

impl Store {
    /// Cases after `after`, the last changed first, at most `limit`.
    pub async fn list_cases(
        &self,
        of: &CasesOf,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Case>, Error> {
        let mut after = after.map_or((i64::MAX, Uuid::max()), |it| (it.occurred_at, it.entry_id));
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let (sql, value) = match of {
            CasesOf::Customer { customer_id, open_only } => {
                let records = self.records_of(*customer_id).await?;
                let sql = dialect::CASES_OF_RECORDS;
                let rows: Vec<(String,)> =
                    self.db.page_of_records(sql, &records, *open_only, after, count).await?;
                return rows.iter().map(|(content,)| read(content)).collect();
            }
            CasesOf::Queue(queue) => (LIST_OF_QUEUE, queue),
            CasesOf::Owner(owner) => (LIST_OF_OWNER, owner),
        };
        let mut cases = Vec::new();
        loop {
            let (at, id) = after;
            let rows: Vec<(String,)> = on_db!(&self.db, |c| {
                sqlx::query_as(sql).bind(value).bind(at).bind(id).bind(count).fetch_all(c).await?
            });
            for (content,) in &rows {
                let case = read(content)?;
                after = (case.changed_at, case.id);
                if !self.is_restricted(case.record_id) {
                    cases.push(case);
                }
            }
            // Restricted customers are few: the next page makes up for their cases.
            if rows.len() < limit || cases.len() >= limit {
                cases.truncate(limit);
                return Ok(cases);
            }
        }
    }

    /// The open cases of a person, given by its canonical record, the last changed first, at most
    /// `limit`. Nobody and restricted persons have none. The statements are the same in all three
    /// cases, so that the time reveals nothing.
    pub async fn open_cases_of(
        &self,
        person_id: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<Case>, Error> {
        let person = person_id.filter(|id| !self.is_restricted(*id)).unwrap_or_default();
        let rows: Vec<(Uuid, Uuid)> = self.by_ids(dialect::RECORDS_BY_PERSON, &[person]).await?;
        let mut records = vec![person];
        records.extend(rows.into_iter().map(|(_, record)| record));
        let last = (i64::MAX, Uuid::max());
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = dialect::CASES_OF_RECORDS;
        let rows: Vec<(String,)> =
            self.db.page_of_records(sql, &records, true, last, count).await?;
        rows.iter().map(|(content,)| read(content)).collect()
    }
}
