//! Lists and dismisses merge suggestions. `matching` creates them.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    matching::{ADD_WORK, REASONS_OF, Standing, least_rank, probability, results::read_reasons},
    person,
};
use crate::{
    domain::matching::Reason,
    error::Error,
    model::{Micros, Position, RequestContext},
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            bulk::Column,
            db::{on_db, on_tx},
        },
        write::change::{Change, earlier},
    },
};

const LIST: &str = "select one_id, other_id, id, rank from suggestions \
    where listed and (rank, id) < ($1, $2) and rank >= $3 \
    order by rank desc, id desc limit $4";
const ADD: &str = "insert into dismissals \
    (one_id, other_id, dismissed_at, actor, reason) values ($1, $2, $3, $4, $5) \
    on conflict (one_id, other_id) do nothing";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 2] = [("suggestions.page", LIST), ("dismissals.add", ADD)];

/// How many pages of rows a list reads for one of its own: few rows have an outdated listed flag.
const PAGES: usize = 8;

/// A pair of people who may be one.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The canonical id of one person, the smaller of the two.
    pub one_id: Uuid,
    pub other_id: Uuid,
    /// 0 to 1.
    pub probability: f64,
    /// The weightiest first.
    pub reasons: Vec<Reason>,
    pub found_at: Micros,
}

/// A page of suggestions, the likeliest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestions {
    pub suggestions: Vec<Suggestion>,
    /// The position of the next page; None on the last one. A page may hold less than requested and
    /// still have a next one.
    pub next: Option<Position>,
}

/// A row of `suggestions`: the pair of records, the id and the rank.
type Row = (Uuid, Uuid, Uuid, i64);

impl Store {
    /// Suggestions with at least a probability, of one person or of all; after `after`, at most
    /// `limit`.
    pub async fn list_suggestions(
        &self,
        customer: Option<Uuid>,
        min_probability: f64,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Suggestions, Error> {
        let begin = Position { occurred_at: Micros::MAX, entry_id: Uuid::max() };
        let mut after = after.unwrap_or(begin);
        let least = least_rank(min_probability);
        if let Some(customer) = customer {
            return self.suggestions_of(customer, least, after, limit).await;
        }
        let count = limit.saturating_add(1);
        let mut shown = Vec::new();
        for _ in 0..PAGES {
            let rows = self.listed(least, after, count).await?;
            let records = rows.iter().flat_map(|row| [row.0, row.1]);
            let standing = Standing::read(&self.db, records).await?;
            for row in &rows {
                if shown.len() == limit {
                    return self.page(shown, Some(after)).await;
                }
                after = position(row);
                if !self.is_restricted(row.0)
                    && !self.is_restricted(row.1)
                    && let Some(people) = standing.people((row.0, row.1))
                    && standing.shows(row.2, (row.0, row.1))
                {
                    shown.push((people, *row));
                }
            }
            if rows.len() < count {
                return self.page(shown, None).await;
            }
        }
        self.page(shown, Some(after)).await
    }

    async fn listed(&self, least: i64, after: Position, count: usize) -> Result<Vec<Row>, Error> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        Ok(on_db!(&self.db, |c| {
            sqlx::query_as(LIST)
                .bind(after.occurred_at)
                .bind(after.entry_id)
                .bind(least)
                .bind(count)
                .fetch_all(c)
                .await?
        }))
    }

    async fn suggestions_of(
        &self,
        customer: Uuid,
        least: i64,
        after: Position,
        limit: usize,
    ) -> Result<Suggestions, Error> {
        self.ensure_not_restricted(customer)?;
        let standing = Standing::read(&self.db, [customer].into_iter()).await?;
        if standing.people((customer, customer)).is_none() {
            return Err(Error::CustomerNotFound);
        }
        let mut shown: Vec<((Uuid, Uuid), Row)> = standing
            .visible()
            .map(|(people, row)| (people, (row.pair.0, row.pair.1, row.id, row.rank)))
            .filter(|(_, row)| !self.is_restricted(row.0) && !self.is_restricted(row.1))
            .filter(|(_, row)| row.3 >= least)
            .filter(|(_, row)| (row.3, row.2) < (after.occurred_at, after.entry_id))
            .collect();
        shown.sort_by_key(|(_, row)| std::cmp::Reverse((row.3, row.2)));
        let is_more = shown.len() > limit;
        shown.truncate(limit);
        let next = shown.last().map(|(_, row)| position(row)).filter(|_| is_more);
        self.page(shown, next).await
    }

    /// A page of rows, each with its people.
    async fn page(
        &self,
        shown: Vec<((Uuid, Uuid), Row)>,
        next: Option<Position>,
    ) -> Result<Suggestions, Error> {
        let (ones, others) = shown.iter().map(|(_, row)| (row.0, row.1)).unzip();
        let columns = vec![Column::Ids(ones), Column::Ids(others)];
        let rows: Vec<(Uuid, String, Micros)> = self.db.list(REASONS_OF, columns).await?;
        let mut reasons: HashMap<Uuid, (String, Micros)> =
            rows.into_iter().map(|(id, reasons, found_at)| (id, (reasons, found_at))).collect();
        let mut suggestions = Vec::with_capacity(shown.len());
        for ((one_id, other_id), (_, _, id, rank)) in shown {
            // A suggestion that was removed meanwhile is skipped.
            let Some((reasons, found_at)) = reasons.remove(&id) else { continue };
            let (probability, reasons) = (probability(rank), read_reasons(&reasons)?);
            suggestions.push(Suggestion { one_id, other_id, probability, reasons, found_at });
        }
        Ok(Suggestions { suggestions, next })
    }

    /// Dismisses a suggestion for good. Idempotent.
    pub async fn dismiss_suggestion(
        &self,
        one: Uuid,
        other: Uuid,
        context: RequestContext,
    ) -> Result<(), Error> {
        let store = self.clone();
        let write = move || {
            let (store, context) = (store.clone(), context.clone());
            async move { store.try_dismiss(one, other, &context).await }
        };
        attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        Ok(())
    }

    async fn try_dismiss(
        &self,
        one: Uuid,
        other: Uuid,
        context: &RequestContext,
    ) -> Result<(), Error> {
        // Before the transaction, which has its own connection.
        let standing = Standing::read(&self.db, [one, other].into_iter()).await?;
        let people = standing.people((one, other));
        let pairs = people.map_or_else(Vec::new, |people| standing.between(people));

        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[one, other]).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(());
        }
        let (first, second) = (locked.person_of(one)?, locked.person_of(other)?);
        if people != Some((first.min(second), first.max(second))) {
            return Err(Error::Conflict);
        }
        if pairs.is_empty() {
            return Err(Error::SuggestionNotFound);
        }
        let now = self.clock.now();
        // All suggestions between the two, and the records that the call named.
        for (one, other) in pairs.into_iter().chain([(one.min(other), one.max(other))]) {
            on_tx!(&mut tx, |c| {
                sqlx::query(ADD)
                    .bind(one)
                    .bind(other)
                    .bind(now)
                    .bind(&context.actor)
                    .bind(&context.reason)
                    .execute(c)
                    .await?;
            });
        }
        // Lists check for themselves; this only saves them work.
        tx.apply(ADD_WORK, vec![Column::Ids(vec![one])]).await?;
        Change::new(context, now).write(&mut tx, one, None).await?;
        tx.commit().await
    }
}

fn position(row: &Row) -> Position {
    Position { occurred_at: row.3, entry_id: row.2 }
}
