//! The re-ask rate: counts of facts and re-asks, written with their entries.

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    error::Error,
    incident,
    model::{Channel, Micros, ReaskCount},
    store::{
        Store,
        sql::{
            db::{Db, on, on_db, rows},
            dialect,
        },
    },
};

const OF_CASE: &str = "select channel, count(*) filter (where not reasked), \
    count(*) filter (where reasked) from told_facts \
    where customer_id = $1 and case_id = $2 and told_at >= $3 and told_at < $4 \
    group by channel order by channel";
const OF_ALL: &str = "select channel, count(*) filter (where not reasked), \
    count(*) filter (where reasked) from told_facts where told_at >= $1 and told_at < $2 \
    group by channel order by channel";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 2] =
    [("told_facts.of_case", OF_CASE), ("told_facts.of_all", OF_ALL)];

/// Whose facts are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasksOf {
    Case(Uuid),
    Customer(Uuid),
    Everybody,
}

type Row = (String, i64, i64);

impl Store {
    /// The numbers of facts and re-asks in a period, by channel.
    pub async fn count_reasks(
        &self,
        of: ReasksOf,
        (from, before): (Micros, Micros),
    ) -> Result<Vec<ReaskCount>, Error> {
        let rows: Vec<Row> = match of {
            ReasksOf::Case(case_id) => {
                let record = self.record_of_case(case_id).await?;
                on_db!(&self.db, |c| {
                    let query = sqlx::query_as(OF_CASE).bind(record).bind(case_id);
                    query.bind(from).bind(before).fetch_all(c).await?
                })
            }
            ReasksOf::Customer(customer_id) => {
                let records = self.records_of(customer_id).await?;
                self.count_reasks_of(&records, from, before).await?
            }
            ReasksOf::Everybody => self.count_all_reasks(from, before).await?,
        };
        let counts = rows.into_iter().map(|(channel, told, asked_again)| {
            let channel = Channel::from_code(&channel);
            ReaskCount { channel, told, asked_again }
        });
        let mut counts: Vec<ReaskCount> = counts.collect();
        counts.sort_unstable_by_key(|count| count.channel);
        Ok(counts)
    }

    async fn count_reasks_of(
        &self,
        records: &[Uuid],
        from: Micros,
        before: Micros,
    ) -> Result<Vec<Row>, Error> {
        let sql = dialect::REASKS_OF_RECORDS;
        Ok(match &self.db {
            Db::Sqlite { read, .. } => {
                let query = sqlx::query_as(sql.sqlite).bind(rows::id_list(records));
                let query = query.bind(from).bind(before);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Db::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(records);
                let query = query.bind(from).bind(before);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// Reads all rows of a period, which may be slow like a search across all timelines.
    async fn count_all_reasks(&self, from: Micros, before: Micros) -> Result<Vec<Row>, Error> {
        let permit = Arc::clone(&self.searches).acquire_owned().await;
        let store = self.clone();
        // A caller that gives up does not stop the statement: the permit stays with it.
        incident::spawned(async move {
            let _permit = permit;
            Ok(on_db!(&store.db, |c| {
                sqlx::query_as(OF_ALL).bind(from).bind(before).fetch_all(c).await?
            }))
        })
        .await
    }
}
