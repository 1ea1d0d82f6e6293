//! The timeline of a merged customer: an ordered range of each record, merged by time. No entry has
//! moved, and only entries that the page needs are read.

use std::{fmt::Write as _, sync::LazyLock};

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::page::{Binds, By, Page, PageRequest, cut, page_text, range_text, sorted_text};
use crate::{
    error::Error,
    model::{MAX_RECORDS, Order},
    store::{
        Store,
        sql::{db::on_db, statement::Kind},
    },
};

/// There are statements for 2, 4, 8 ... records; surplus parameters are the nil id, which nobody
/// has.
const SIZES: usize = MAX_RECORDS.next_power_of_two().trailing_zeros() as usize;

/// The records and the revision of the person when the page is read. $1 canonical id.
const PERSON: &str = "(select cast(sum(c.revision) as bigint) from \
        (select revision from customers where id = $1 and person_id = $1 \
        union all \
        select revision from customers where person_id = $1 and person_id <> id) c), \
    (select records from customers where id = $1), ";

/// The rows of a page: an ordered range of each record, merged. `records` are their names in the
/// statement. SQLite merges ordered ranges row by row if they have no limit, and would sort limited
/// ones; PostgreSQL merges sorted ranges with a limit, and would sort those without.
pub(super) fn ranges_text(
    kind: Kind,
    order: Order,
    filtered: bool,
    by: By,
    records: &[impl AsRef<str>],
) -> String {
    let (from, key) = match by.index() {
        None => ("entries e where true".to_owned(), "e"),
        Some((table, column)) => {
            let from = format!(
                "{table} o join entries e on e.customer_id = o.customer_id \
                 and e.occurred_at = o.occurred_at and e.entry_id = o.entry_id \
                 where o.{column} = $8"
            );
            (from, "o")
        }
    };
    let range = range_text(key, order, filtered);
    let mut rows = String::new();
    for (index, record) in records.iter().enumerate() {
        let record = record.as_ref();
        let union = if index == 0 { "" } else { " union all " };
        let range = format!(
            "select e.payload, {key}.occurred_at as occurred_at, {key}.entry_id as entry_id \
             from {from} and {key}.customer_id = {record}{range}"
        );
        let _ = match kind {
            Kind::Sqlite => write!(rows, "{union}{range}"),
            Kind::Postgres => {
                write!(
                    rows,
                    "{union}select * from ({range}{}) r{index}",
                    sorted_text(&format!("{key}."), order)
                )
            }
        };
    }
    match kind {
        Kind::Sqlite => {
            format!("select u.payload from ({rows}{}) u", sorted_text("", order))
        }
        Kind::Postgres => format!("select u.payload from ({rows}) u{}", sorted_text("u.", order)),
    }
}

/// The statement of a page of several records, $8 and on; with an order or a case, $8, they are $9
/// and on.
fn merged_text(kind: Kind, order: Order, by: By, records: usize) -> String {
    let first = if by == By::Time { 8 } else { 9 };
    let records: Vec<String> = (first..first + records).map(|n| format!("${n}")).collect();
    page_text(PERSON, &ranges_text(kind, order, true, by, &records))
}

/// All statements, by [`text_index`], for each database.
pub static TEXTS: LazyLock<[Vec<String>; 2]> = LazyLock::new(|| {
    Kind::BOTH.map(|kind| {
        let mut texts = Vec::new();
        for order in [Order::NewestFirst, Order::OldestFirst] {
            for by in By::ALL {
                for size in 1..=SIZES {
                    texts.push(merged_text(kind, order, by, 1 << size));
                }
            }
        }
        texts
    })
});

/// `records` is at least 2.
fn text_index(order: Order, by: By, records: usize) -> usize {
    let size = records.next_power_of_two().trailing_zeros() as usize;
    let by = usize::from(order == Order::OldestFirst) * By::ALL.len() + by as usize;
    by * SIZES + size - 1
}

impl Store {
    /// A page of the timeline of a person with these records, the canonical one first.
    pub(super) async fn list_merged_timeline(
        &self,
        mut records: Vec<Uuid>,
        request: &PageRequest,
    ) -> Result<Page, Error> {
        let person = records[0];
        // A merge or unmerge between finding and reading the records is detected, and the page is
        // read again.
        for _ in 0..8 {
            // A record that was just unmerged is read as two, the second of which is nobody.
            records.resize(records.len().max(2), Uuid::nil());
            if let Some(page) = self.page_of(&records, request).await? {
                return Ok(page);
            }
            records = self.records_of(person).await?;
        }
        Err(Error::Unavailable("a customer kept changing".to_owned()))
    }

    /// A page of some records, the canonical one first; None if they are no longer all of the
    /// person.
    async fn page_of(
        &self,
        records: &[Uuid],
        request: &PageRequest,
    ) -> Result<Option<Page>, Error> {
        let known = records.iter().filter(|record| !record.is_nil()).count();
        let (page, revision, counted) = self.read_page(records, request).await?;
        let is_whole = usize::try_from(counted.unwrap_or(-1)) == Ok(known);
        Ok(revision.filter(|_| is_whole).map(|revision| Page { revision, ..page }))
    }

    /// A page of some records, with the revision and the number of records of the first one's
    /// person.
    pub(in crate::store) async fn read_page(
        &self,
        records: &[Uuid],
        request: &PageRequest,
    ) -> Result<(Page, Option<i64>, Option<i64>), Error> {
        type Row = (Option<i64>, Option<i64>, Option<Vec<u8>>, i64);
        let by = By::of(&request.filter);
        let text = &TEXTS[self.db.kind() as usize][text_index(request.order, by, records.len())];
        let binds = Binds::of(request);
        let customer_id = records[0];

        let mut limit = request.limit;
        loop {
            let count = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
            let (revision, counted, bytes, found): Row = on_db!(&self.db, |c| {
                let mut query = sqlx::query_as(AssertSqlSafe(text.as_str()))
                    .bind(customer_id)
                    .bind(binds.behind.occurred_at)
                    .bind(binds.behind.entry_id)
                    .bind(binds.bound)
                    .bind(count)
                    .bind(&binds.kinds)
                    .bind(&binds.channels);
                match by {
                    By::Time => {}
                    By::Order => query = query.bind(&request.filter.order),
                    By::Case => query = query.bind(request.filter.case_id),
                }
                for index in 0..records.len().next_power_of_two() {
                    query = query.bind(records.get(index).copied().unwrap_or(Uuid::nil()));
                }
                query.fetch_one(c).await?
            });
            if bytes.is_none() && found > 0 && limit > 1 {
                limit /= 2;
                continue;
            }
            let (entries, next) = cut(bytes.unwrap_or_default(), limit)?;
            let page = Page { entries, next, customer_id, revision: revision.unwrap_or(0) };
            return Ok((page, revision, counted));
        }
    }
}
