//! Text search. Words are folded and stemmed here, not by the database, so that both databases find
//! the same entries; they only compare the words.

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{
    payload::Frames,
    timeline::page::{By, PageRequest, bounds, code_list, cut, page_text, range_text, sorted_text},
};
use crate::{
    error::Error,
    incident,
    model::{Order, Position},
    store::{
        Store,
        sql::{
            db::{Db, on_db},
            dialect::WORDS_MATCH,
        },
    },
};

/// The indexed words of an entry, including the customer's id: the cost of a search within one
/// customer depends on the customer's entries, not on how common the word is.
pub fn indexed(customer_id: Uuid, words: &str) -> String {
    let mut indexed = customer_word(customer_id);
    // PostgreSQL refuses an empty word, which a trailing space would create.
    if !words.is_empty() {
        indexed.push(' ');
        indexed.push_str(words);
    }
    indexed
}

/// The word for a customer. The words of a text are ASCII only, so that none can equal it.
pub fn customer_word(customer_id: Uuid) -> String {
    format!("ø{}", customer_id.simple())
}

/// The statement of a search. $1 the match expression, $8 the order or the case.
pub fn search_text(words_match: &str, by: By) -> String {
    let about = by.index().map_or_else(String::new, |(table, column)| {
        format!(
            " and exists (select 1 from {table} o where o.customer_id = e.customer_id \
             and o.{column} = $8 and o.occurred_at = e.occurred_at and o.entry_id = e.entry_id)"
        )
    });
    let rows = format!(
        "select e.payload from entry_words w join entries e on e.customer_id = w.customer_id \
         and e.occurred_at = w.occurred_at and e.entry_id = w.entry_id \
         where {words_match}{about}{}{}",
        range_text("w", Order::NewestFirst, true),
        sorted_text("w.", Order::NewestFirst)
    );
    page_text("", &rows)
}

impl Store {
    /// Entries that contain, for each list of alternatives, one of them; the newest first.
    pub async fn search_timeline(
        &self,
        customer_id: Option<Uuid>,
        words: Vec<Vec<String>>,
        request: PageRequest,
    ) -> Result<(Frames, Option<Position>), Error> {
        if let Some(customer_id) = customer_id {
            let records = self.records_of(customer_id).await?;
            return self.search(&records, &words, &request).await;
        }
        // A caller that gives up does not stop the statement: the permit stays with it.
        let permit = Arc::clone(&self.searches).acquire_owned().await;
        let store = self.clone();
        incident::spawned(async move {
            let _permit = permit;
            let (entries, next) = store.search(&[], &words, &request).await?;
            if !store.restricted.is_any() {
                return Ok((entries, next));
            }
            Ok((entries.without(|record| store.is_restricted(record))?, next))
        })
        .await
    }

    /// Searches some records, or all if none are given.
    async fn search(
        &self,
        records: &[Uuid],
        words: &[Vec<String>],
        request: &PageRequest,
    ) -> Result<(Frames, Option<Position>), Error> {
        type Row = (Option<Vec<u8>>, i64);
        let filter = &request.filter;
        let kinds = code_list(filter.kinds.iter().map(|kind| kind.code()));
        let channels = code_list(filter.channels.iter().map(|channel| channel.code()));
        let (words_match, query) = match &self.db {
            Db::Sqlite { .. } => (WORDS_MATCH.sqlite, expression(words, records, " OR ", " AND ")),
            Db::Postgres(_) => (WORDS_MATCH.postgres, expression(words, records, " | ", " & ")),
        };
        let by = By::of(filter);
        let text = search_text(words_match, by);
        let (behind, bound) = bounds(request);

        let mut limit = request.limit;
        loop {
            let count = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
            let (bytes, found): Row = on_db!(&self.db, |c| {
                let mut query = sqlx::query_as(AssertSqlSafe(text.as_str()))
                    .bind(&query)
                    .bind(behind.occurred_at)
                    .bind(behind.entry_id)
                    .bind(bound)
                    .bind(count)
                    .bind(&kinds)
                    .bind(&channels);
                match by {
                    By::Time => {}
                    By::Order => query = query.bind(&filter.order),
                    By::Case => query = query.bind(filter.case_id),
                }
                query.fetch_one(c).await?
            });
            if bytes.is_none() && found > 0 && limit > 1 {
                limit /= 2;
                continue;
            }
            return cut(bytes.unwrap_or_default(), limit);
        }
    }
}

/// The query in the language of the database. Words consist of ASCII letters and digits, which have
/// no special meaning in either language; FTS5 takes AND and OR for operators, but words are lower
/// case.
fn expression(words: &[Vec<String>], records: &[Uuid], or: &str, and: &str) -> String {
    let records: Vec<String> = records.iter().copied().map(customer_word).collect();
    let records = (!records.is_empty()).then_some(records);
    let groups = records.iter().chain(words).map(|group| format!("({})", group.join(or)));
    groups.collect::<Vec<_>>().join(and)
}
