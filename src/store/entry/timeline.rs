//! Reads timelines: one statement and one row for a page. The database concatenates the payloads of
//! the page, which is cheaper than transferring a row for each. Almost every person has one or two
//! records, whose ordered ranges this statement merges; for more records, see `merged`.

mod merged;
pub mod page;

pub(in crate::store) use merged::TEXTS as MERGED_TEXTS;
use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::payload;
use crate::{
    error::Error,
    model::Order,
    pb,
    store::{
        Store,
        sql::{db::on_db, dialect, statement::Kind},
    },
};
use merged::ranges_text;
use page::{Binds, By, Page, PageRequest, cut, page_text};

const GET_ENTRY: &str = "select payload from entries where customer_id = $1 and entry_id = $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 1] = [("entries.get", GET_ENTRY)];

/// The statement of a page for a person with one or two records. For more it reads no entry, but
/// returns the canonical record and the others. $1 customer, $8 the order or the case.
fn timeline_text(kind: Kind, order: Order, filtered: bool, by: By) -> String {
    let records = [
        "(select id from person where records <= 2)",
        "(select id from others where (select records from person) = 2)",
    ];
    let rows = ranges_text(kind, order, filtered || by != By::Time, by, &records);
    let id_bytes = dialect::UUID_BYTES.on(kind).replace("{}", "id");
    let columns = format!(
        "(select id from person), \
         (select cast(sum(r.revision) as bigint) from \
         (select revision from person union all select revision from others) r), \
         (select string_agg({id_bytes}, '') from others), "
    );
    format!(
        "with person as materialized (select p.id, p.records, p.revision from customers c \
         join customers p on p.id = c.person_id where c.id = $1), \
         others as materialized (select c.id, c.revision from customers c \
         where c.person_id = (select id from person where records > 1) and c.person_id <> c.id) {}",
        page_text(&columns, &rows)
    )
}

/// All statements of timeline pages, by [`text_index`], for each database.
pub static TEXTS: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| {
    Kind::BOTH.map(|kind| {
        let mut texts = Vec::new();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            for by in By::ALL {
                for filtered in [false, true] {
                    texts.push(timeline_text(kind, order, filtered, by));
                }
            }
        }
        texts
    })
});

fn text_index(order: Order, filtered: bool, by: By) -> usize {
    let by = usize::from(order == Order::OldestFirst) * By::ALL.len() + by as usize;
    by * 2 + usize::from(filtered)
}

impl Store {
    /// A page of a customer's timeline.
    pub async fn list_timeline(
        &self,
        customer_id: Uuid,
        request: &PageRequest,
    ) -> Result<Page, Error> {
        type Row = (Option<Uuid>, Option<i64>, Option<Vec<u8>>, Option<Vec<u8>>, i64);
        self.ensure_not_restricted(customer_id)?;
        let filter = &request.filter;
        let by = By::of(filter);
        let filtered = by != By::Time || !filter.kinds.is_empty() || !filter.channels.is_empty();
        let texts = &TEXTS[self.db.kind() as usize];
        let text = texts[text_index(request.order, filtered, by)].as_str();
        let binds = Binds::of(request);

        let mut limit = request.limit;
        loop {
            let count = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
            let (person, revision, others, bytes, found): Row = on_db!(&self.db, |c| {
                let mut query = sqlx::query_as(AssertSqlSafe(text))
                    .bind(customer_id)
                    .bind(binds.behind.occurred_at)
                    .bind(binds.behind.entry_id)
                    .bind(binds.bound)
                    .bind(count);
                if filtered {
                    query = query.bind(&binds.kinds).bind(&binds.channels);
                }
                match by {
                    By::Time => {}
                    By::Order => query = query.bind(&filter.order),
                    By::Case => query = query.bind(filter.case_id),
                }
                query.fetch_one(c).await?
            });
            let customer_id = person.ok_or(Error::CustomerNotFound)?;
            let others = others.unwrap_or_default();
            if others.len() > 16 {
                let others = others.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok());
                let records = std::iter::once(customer_id).chain(others).collect();
                return self.list_merged_timeline(records, request).await;
            }
            if bytes.is_none() && found > 0 && limit > 1 {
                limit /= 2;
                continue;
            }
            let (entries, next) = cut(bytes.unwrap_or_default(), limit)?;
            let revision = revision.unwrap_or(0);
            return Ok(Page { entries, next, customer_id, revision });
        }
    }

    /// The case of an entry of a record.
    pub(in crate::store) async fn case_of_entry(
        &self,
        record: Uuid,
        entry_id: Uuid,
    ) -> Result<Option<Uuid>, Error> {
        let entry = self.entry_of(record, entry_id).await?;
        Ok(entry.and_then(|entry| entry.case_id.parse().ok()))
    }

    /// An entry of a customer, in whichever record it is.
    pub async fn get_entry(
        &self,
        customer_id: Uuid,
        entry_id: Uuid,
    ) -> Result<Option<pb::Entry>, Error> {
        self.ensure_not_restricted(customer_id)?;
        if let Some(entry) = self.entry_of(customer_id, entry_id).await? {
            return Ok(Some(entry));
        }
        let records = match self.records_of(customer_id).await {
            Err(Error::CustomerNotFound) => return Ok(None),
            records => records?,
        };
        for record in records.into_iter().filter(|record| *record != customer_id) {
            if let Some(entry) = self.entry_of(record, entry_id).await? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    async fn entry_of(&self, record: Uuid, entry_id: Uuid) -> Result<Option<pb::Entry>, Error> {
        let row: Option<Vec<u8>> = on_db!(&self.db, |c| {
            sqlx::query_scalar(GET_ENTRY).bind(record).bind(entry_id).fetch_optional(c).await?
        });
        row.map(|payload| payload::open(&payload)).transpose()
    }
}
