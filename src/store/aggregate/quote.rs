//! Quotes: given, withdrawn, and compared with other quotes of the customer.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::case;
use crate::{
    domain::quote::{MAX_VALID, apply, conflicts, sku_key},
    error::Error,
    model::{
        Channel, ComparedQuote, EventMeta, Micros, NewQuote, Position, Quote, QuoteChange,
        RequestContext,
    },
    store::{
        Store,
        entry::{
            codec::{self, EntryChange, EntryMeta},
            payload,
        },
        sql::{
            attempt::{attempt, lost},
            db::{
                Db, Tx, on, on_db, on_tx,
                rows::{self, json},
            },
            dialect,
            json::to_json,
        },
        write::{
            change::{Change, earlier},
            writes::CustomerRecord,
        },
    },
};

const RECORD_OF: &str = "select customer_id from quotes where quote_id = $1";
const GET: &str = "select content from quotes where quote_id = $1";
pub const LOAD: &str = "select content from quotes where customer_id = $1 and quote_id = $2";
const SET: &str = "insert into quotes \
    (customer_id, quote_id, sku_key, given_at, ends_at, content) values ($1, $2, $3, $4, $5, $6) \
    on conflict (customer_id, quote_id) do update set ends_at = excluded.ends_at, \
    content = excluded.content";
const COUNT_VALID: &str = "select count(*) from (select 1 from quotes \
    where customer_id = $1 and ends_at > $2 limit $3) q";
const ENTRIES: &str = "select e.payload from entries e \
    where e.customer_id = $1 and e.index_tag = 'quote' and e.index_tag <> '' \
    order by e.occurred_at, e.entry_id limit $2";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 6] = [
    ("quotes.record_of", RECORD_OF),
    ("quotes.get", GET),
    ("quotes.load", LOAD),
    ("quotes.set", SET),
    ("quotes.count_valid", COUNT_VALID),
    ("quotes.entries", ENTRIES),
];

/// How many entries quotes are replayed from.
const MAX_REPLAYED: i64 = 10_000;

pub fn read(content: &str) -> Result<Quote, Error> {
    serde_json::from_str(content)
        .map_err(|_| Error::Inconsistent { table: "quotes", column: "content" })
}

async fn set(tx: &mut Tx, quote: &Quote) -> Result<(), Error> {
    let content = to_json(quote)?;
    on_tx!(tx, |c| {
        sqlx::query(SET)
            .bind(quote.record_id)
            .bind(quote.id)
            .bind(sku_key(&quote.terms.sku))
            .bind(quote.given_at)
            .bind(quote.ends_at())
            .bind(content)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// A change of a quote to record.
struct QuoteEvent<'a> {
    quote_id: Uuid,
    case_id: Option<Uuid>,
    before: Option<Quote>,
    change: &'a QuoteChange,
    channel: Channel,
    flags: &'a [i32],
}

impl Store {
    /// Gives a quote. Idempotent.
    pub async fn give_quote(
        &self,
        new: NewQuote,
        context: RequestContext,
    ) -> Result<ComparedQuote, Error> {
        let (record, case_id) = self.promised_to(new.to).await?;
        let store = self.clone();
        let run = move || {
            let (store, new, context) = (store.clone(), new.clone(), context.clone());
            async move { store.try_give_quote(record, case_id, &new, &context).await }
        };
        let id = attempt(run).await.map_err(lost)?;
        self.get_quote(id).await
    }

    async fn try_give_quote(
        &self,
        record: Uuid,
        case_id: Option<Uuid>,
        new: &NewQuote,
        context: &RequestContext,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let current = case::lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return row.entry_id.ok_or(Error::QuoteNotFound);
        }
        let most = i64::try_from(MAX_VALID).unwrap_or(i64::MAX);
        let valid: i64 = on_tx!(&mut tx, |c| {
            let query = sqlx::query_scalar(COUNT_VALID).bind(record).bind(self.clock.now());
            query.bind(most).fetch_one(c).await?
        });
        if valid >= most {
            return Err(Error::TooManyQuotes);
        }
        let quote_id = self.clock.new_id();
        let change = QuoteChange::Given(new.terms.clone());
        let (channel, flags) = (new.channel, new.flags.as_slice());
        let event = QuoteEvent { quote_id, case_id, before: None, change: &change, channel, flags };
        self.quote_changes(&mut tx, (record, &current), event, context).await?;
        tx.commit().await?;
        Ok(quote_id)
    }

    /// Withdraws a quote. Idempotent.
    pub async fn withdraw_quote(
        &self,
        quote_id: Uuid,
        channel: Channel,
        context: RequestContext,
    ) -> Result<ComparedQuote, Error> {
        let record: Option<Uuid> = on_db!(&self.db, |c| {
            sqlx::query_scalar(RECORD_OF).bind(quote_id).fetch_optional(c).await?
        });
        let record = record.ok_or(Error::QuoteNotFound)?;
        let store = self.clone();
        let run = move || {
            let (store, context) = (store.clone(), context.clone());
            async move { store.try_withdraw(record, quote_id, channel, &context).await }
        };
        attempt(run).await.map_err(lost)?;
        self.get_quote(quote_id).await
    }

    async fn try_withdraw(
        &self,
        record: Uuid,
        quote_id: Uuid,
        channel: Channel,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let current = case::lock_record(&mut tx, record).await?;
        if earlier(&mut tx, context).await?.is_some() {
            return Ok(());
        }
        let content: Option<String> = on_tx!(&mut tx, |c| {
            sqlx::query_scalar(LOAD).bind(record).bind(quote_id).fetch_optional(c).await?
        });
        let quote = read(&content.ok_or(Error::QuoteNotFound)?)?;
        let (case_id, before) = (quote.case_id, Some(quote));
        let change = &QuoteChange::Withdrawn;
        let event = QuoteEvent { quote_id, case_id, before, change, channel, flags: &[] };
        self.quote_changes(&mut tx, (record, &current), event, context).await?;
        tx.commit().await
    }

    /// Records a change of a quote, and stores the new state.
    async fn quote_changes(
        &self,
        tx: &mut Tx,
        (record, current): (Uuid, &CustomerRecord),
        event: QuoteEvent<'_>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let QuoteEvent { quote_id, case_id, before, change, channel, flags } = event;
        let (entry_id, at, channel) = (self.clock.new_id(), self.clock.now(), Some(channel));
        let meta = EntryMeta { entry_id, at, channel, flags: flags.to_vec() };
        let named = (quote_id, case_id);
        let terms = match (change, &before) {
            (QuoteChange::Given(terms), _) => terms,
            (QuoteChange::Withdrawn, Some(quote)) => &quote.terms,
            (QuoteChange::Withdrawn, None) => return Err(Error::QuoteNotFound),
        };
        let entry = codec::quote_entry(&meta, named, change, terms, context);
        let mut write = Change::new(context, at);
        let event = EventMeta {
            entry_id,
            record_id: record,
            revision: write.add(record, current, entry),
            at,
            channel,
            actor: context.actor.clone(),
            reason: context.reason.clone(),
        };
        let quote = apply(before, named, change, &event).map_err(|_| Error::QuoteWithdrawn)?;
        set(tx, &quote).await?;
        write.write(tx, record, Some(quote_id)).await
    }

    /// Returns a quote, compared with the others of its customer.
    pub async fn get_quote(&self, quote_id: Uuid) -> Result<ComparedQuote, Error> {
        let content: Option<String> = on_db!(&self.db, |c| {
            sqlx::query_scalar(GET).bind(quote_id).fetch_optional(c).await?
        });
        let quote = read(&content.ok_or(Error::QuoteNotFound)?)?;
        let records = self.records_of(quote.record_id).await?;
        let compared = self.compared(&records, vec![quote]).await?.pop();
        compared.ok_or(Error::QuoteNotFound)
    }

    /// Quotes of a customer after `after`, the last given first, at most `limit`, each compared
    /// with all others of the customer. `valid_at`: only those valid then or later.
    pub async fn list_quotes(
        &self,
        customer_id: Uuid,
        valid_at: Option<Micros>,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<ComparedQuote>, Error> {
        let records = self.records_of(customer_id).await?;
        let after = after.map_or((i64::MAX, Uuid::max()), |it| (it.occurred_at, it.entry_id));
        let count = i64::try_from(limit).unwrap_or(i64::MAX);
        let ends_behind = valid_at.unwrap_or(Micros::MIN);
        let sql = dialect::QUOTES_OF_RECORDS;
        let rows: Vec<(String,)> = match &self.db {
            Db::Sqlite { read, .. } => {
                let query = sqlx::query_as(sql.sqlite).bind(rows::id_list(&records));
                let query = query.bind(ends_behind).bind(after.0).bind(after.1).bind(count);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Db::Postgres(pool) => {
                let query = sqlx::query_as(sql.postgres).bind(&records).bind(ends_behind);
                let query = query.bind(after.0).bind(after.1).bind(count);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        };
        let quotes = rows.iter().map(|(content,)| read(content)).collect::<Result<_, _>>()?;
        self.compared(&records, quotes).await
    }

    /// Compares quotes with the quotes of some records that may contradict them.
    pub(in crate::store) async fn compared(
        &self,
        records: &[Uuid],
        quotes: Vec<Quote>,
    ) -> Result<Vec<ComparedQuote>, Error> {
        let skus: BTreeSet<String> = quotes
            .iter()
            .map(|quote| sku_key(&quote.terms.sku))
            .filter(|it| !it.is_empty())
            .collect();
        let others = match quotes.iter().map(|quote| quote.given_at).min() {
            Some(first) if !skus.is_empty() => self.quotes_of_skus(records, &skus, first).await?,
            _ => Vec::new(),
        };
        let compared = quotes.into_iter().map(|quote| {
            let conflicts = conflicts(&quote, &others);
            ComparedQuote { quote, conflicts }
        });
        Ok(compared.collect())
    }

    /// The quotes of some skus that end after a time.
    async fn quotes_of_skus(
        &self,
        records: &[Uuid],
        skus: &BTreeSet<String>,
        ended_after: Micros,
    ) -> Result<Vec<Quote>, Error> {
        let pairs = records.iter().flat_map(|record| skus.iter().map(move |sku| (record, sku)));
        let sql = dialect::QUOTES_OF_SKUS;
        let rows: Vec<(String,)> = match &self.db {
            Db::Sqlite { read, .. } => {
                let pairs = pairs.map(|(record, sku)| [record.simple().to_string(), sku.clone()]);
                let query = sqlx::query_as(sql.sqlite).bind(json(pairs)).bind(ended_after);
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Db::Postgres(pool) => {
                let (records, skus): (Vec<Uuid>, Vec<String>) =
                    pairs.map(|(record, sku)| (*record, sku.clone())).unzip();
                let query = sqlx::query_as(sql.postgres).bind(records).bind(ended_after);
                let query = query.bind(skus);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        };
        rows.iter().map(|(content,)| read(content)).collect()
    }

    /// Replays the quotes of a record from its entries recorded by a time, without their stored
    /// rows.
    pub async fn replay_quotes(&self, record: Uuid, until: Micros) -> Result<Vec<Quote>, Error> {
        let rows: Vec<(Vec<u8>,)> = on_db!(&self.db, |c| {
            sqlx::query_as(ENTRIES).bind(record).bind(MAX_REPLAYED).fetch_all(c).await?
        });
        let mut events = Vec::new();
        for (bytes,) in rows {
            let entry = payload::open(&bytes)?;
            if codec::recorded_at(&entry)? > until {
                continue;
            }
            if let Some((EntryChange::Quote { id, change }, event)) = codec::read(&entry)? {
                events.push((event.revision, (id, entry.case_id.parse().ok()), change, event));
            }
        }
        events.sort_by_key(|(revision, ..)| *revision);
        let mut quotes = BTreeMap::new();
        for (_, named, change, event) in events {
            let before = quotes.remove(&named.0);
            let quote = apply(before, named, &change, &event).map_err(|_| Error::QuoteWithdrawn)?;
            quotes.insert(named.0, quote);
        }
        Ok(quotes.into_values().collect())
    }
}
