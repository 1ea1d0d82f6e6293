//! Reads the input of a briefing in few statements: the customer, the newest entries, and the open
//! cases, promises and quotes. As of an earlier moment, it is replayed from the entries recorded by
//! then.

use std::cmp::Reverse;

use uuid::Uuid;

use crate::{
    domain::{
        briefing::{COUNTED, MAX_PURCHASES, MAX_QUOTES, WINDOW},
        quote::conflicts,
    },
    error::Error,
    model::{
        BriefedCustomer, BriefingInput, Case, ComparedQuote, Confidence, EntryFilter, EntrySummary,
        MAX_IDENTIFIERS, Micros, Order, Profile, Promise, Quote, Verification,
    },
    store::{
        Store,
        aggregate::{case, promise, quote},
        entry::{
            payload,
            summary::{entry_summaries, entry_summary},
            timeline::page::PageRequest,
        },
        sql::{db::on_db, dialect, statement::Twin},
        write::writes::read_profile,
    },
};

/// The current state of a person: the records with their profiles, the canonical one first; the
/// open cases, the last changed first; the unsettled promises, by due time; the valid quotes, the
/// last given first; and the number of identifiers of each verification. $1: any of the records,
/// $2: the moment at which quotes must be valid.
const STANDING: &str = "with p as materialized ( \
        select person_id as id from customers where id = $1), \
    r as materialized ( \
        select c.id, c.profile from customers c where c.id = (select id from p) \
        union all \
        select c.id, c.profile from customers c \
        where c.person_id = (select id from p) and c.person_id <> c.id) \
    select 'record' as kind, r.id as id, cast(0 as bigint) as number, r.profile as content from r \
    union all \
    select * from (select 'case', case_id, cast(0 as bigint), content from cases \
        where customer_id in (select id from r) and is_open \
        order by changed_at desc, case_id desc limit 100) c \
    union all \
    select * from (select 'promise', promise_id, cast(0 as bigint), content from promises \
        where customer_id in (select id from r) and state in ('open', 'broken') \
        order by due_at, promise_id limit 100) w \
    union all \
    select * from (select 'quote', quote_id, cast(0 as bigint), content from quotes \
        where customer_id in (select id from r) and ends_at > $2 \
        order by given_at desc, quote_id desc limit 10) q \
    union all \
    select 'verification', null, count(*), verification from identifiers \
        where customer_id in (select id from r) group by verification";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 1] = [("briefing.standing", STANDING)];

/// Of each record the last entry of each channel, the last complaint and the last feedback, if any.
/// $1: ids.
pub(super) const LAST_ENTRIES: Twin = Twin {
    sqlite: "select (select e.payload from entries e \
            where e.customer_id = c.id and e.channel = v.value \
            order by e.occurred_at desc, e.entry_id desc limit 1) \
        from (select unhex(value ->> 0) as id from json_each($1)) c cross join json_each( \
            json_array('phone', 'web', 'email', 'chat', 'messaging', 'social', 'store', 'app', \
            'letter')) v \
        union all \
        select (select e.payload from entries e \
            where e.customer_id = c.id and e.index_tag = v.value and e.index_tag <> '' \
            order by e.occurred_at desc, e.entry_id desc limit 1) \
        from (select unhex(value ->> 0) as id from json_each($1)) c \
            cross join json_each(json_array('complaint', 'feedback')) v",
    postgres: "select (select e.payload from entries e \
            where e.customer_id = c.id and e.channel = v.value \
            order by e.occurred_at desc, e.entry_id desc limit 1) \
        from unnest(cast($1 as uuid[])) c (id) cross join unnest(array['phone', 'web', 'email', \
            'chat', 'messaging', 'social', 'store', 'app', 'letter']) v (value) \
        union all \
        select (select e.payload from entries e \
            where e.customer_id = c.id and e.index_tag = v.value and e.index_tag <> '' \
            order by e.occurred_at desc, e.entry_id desc limit 1) \
        from unnest(cast($1 as uuid[])) c (id) \
            cross join unnest(array['complaint', 'feedback']) v (value)",
};

/// How many entries are read to replay an earlier moment, in pages.
const LOOKED_THROUGH: usize = 2000;
const PAGE: usize = 200;
/// How much later than recorded an entry may have occurred.
const AHEAD: Micros = 3_600_000_000;

/// The result of [`STANDING`].
#[derive(Debug, Default)]
struct Standing {
    /// The canonical one first.
    records: Vec<Uuid>,
    profiles: Vec<String>,
    cases: Vec<Case>,
    promises: Vec<Promise>,
    quotes: Vec<Quote>,
    identifiers: usize,
    verified: usize,
}

impl Store {
    /// The input of a briefing, now or as of an earlier moment.
    pub async fn briefing_input(
        &self,
        id: Uuid,
        confidence: Confidence,
        as_of: Option<Micros>,
    ) -> Result<BriefingInput, Error> {
        match as_of {
            None => self.read_current(id, confidence).await,
            Some(as_of) => self.read_as_of(id, confidence, as_of).await,
        }
    }

    async fn read_current(&self, id: Uuid, confidence: Confidence) -> Result<BriefingInput, Error> {
        let request = PageRequest {
            filter: EntryFilter::default(),
            order: Order::NewestFirst,
            after: None,
            limit: WINDOW,
        };
        let page = self.list_timeline(id, &request).await?;
        let entries = entry_summaries(&page.entries)?;
        let as_of = self.clock.now();
        let standing = self.standing(id, as_of).await?;
        let Standing { records, mut cases, promises, .. } = standing;
        let profile = match &standing.profiles[..] {
            [profile] => read_profile(profile)?.profile,
            _ => self.get_customer(id).await?.ok_or(Error::CustomerNotFound)?.profile,
        };
        let older = match page.next {
            None => Vec::new(),
            Some(_) => self.last_entries(&records).await?,
        };
        let complaint = entries.iter().chain(&older).find(|it| it.is_complaint);
        if let Some(id) = complaint.and_then(|it| it.case_id)
            && !cases.iter().any(|case| case.id == id)
        {
            cases.push(self.get_case(id).await?);
        }
        let customer = BriefedCustomer {
            customer_id: page.customer_id,
            profile,
            records: records.len(),
            identifiers: standing.identifiers,
            verified_identifiers: standing.verified,
        };
        let (purchases, _) = self.purchases_of(&records, as_of, None, MAX_PURCHASES).await?;
        let quotes = self.compared(&records, standing.quotes).await?;
        let known = BriefingInput {
            customer,
            confidence,
            as_of,
            entries,
            older,
            cases,
            promises,
            purchases,
            quotes,
        };
        Ok(known)
    }

    async fn standing(&self, id: Uuid, valid_at: Micros) -> Result<Standing, Error> {
        type Row = (String, Option<Uuid>, i64, String);
        let rows: Vec<Row> = on_db!(&self.db, |c| {
            sqlx::query_as(STANDING).bind(id).bind(valid_at).fetch_all(c).await?
        });
        let mut standing = Standing::default();
        for (kind, id, number, content) in rows {
            match kind.as_str() {
                "record" => {
                    standing.records.extend(id);
                    standing.profiles.push(content);
                }
                "quote" => standing.quotes.push(quote::read(&content)?),
                "case" => standing.cases.push(case::read(&content)?),
                "promise" => standing.promises.push(promise::read(&content)?),
                _ => {
                    let number = usize::try_from(number).unwrap_or(0);
                    standing.identifiers += number;
                    if content == Verification::Verified.code() {
                        standing.verified += number;
                    }
                }
            }
        }
        Ok(standing)
    }

    async fn last_entries(&self, records: &[Uuid]) -> Result<Vec<EntrySummary>, Error> {
        let rows: Vec<(Option<Vec<u8>>,)> = self.by_ids(LAST_ENTRIES, records).await?;
        let payloads = rows.into_iter().filter_map(|(payload,)| payload);
        let mut found = Vec::new();
        for payload in payloads {
            found.push(entry_summary(&payload::open(&payload)?)?);
        }
        found.sort_by_key(|it: &EntrySummary| Reverse((it.occurred_at, it.entry_id)));
        found.dedup_by_key(|it| it.entry_id);
        Ok(found)
    }

    /// The input of a briefing from the entries recorded by a moment.
    async fn read_as_of(
        &self,
        id: Uuid,
        confidence: Confidence,
        as_of: Micros,
    ) -> Result<BriefingInput, Error> {
        let mut customer = self.get_customer(id).await?.ok_or(Error::CustomerNotFound)?;
        let unknown = Profile::default();
        for source in customer.sources.iter().filter(|source| source.given.at > as_of) {
            customer.profile.take(&unknown, source.field);
        }
        let claims = self.claims_of(&customer.records, true, None, MAX_IDENTIFIERS).await?;
        let held: Vec<_> = claims
            .iter()
            .filter(|it| it.valid_from <= as_of && it.valid_to.is_none_or(|to| to > as_of))
            .collect();
        let entries = self.entries_then(customer.id, as_of).await?;
        let cases = self.cases_then(&customer.records, as_of).await?;
        let (mut promises, mut given) = (Vec::new(), Vec::new());
        for record in &customer.records {
            promises.extend(self.replay_promises(*record, as_of).await?);
            given.extend(self.replay_quotes(*record, as_of).await?);
        }
        let mut quotes: Vec<ComparedQuote> = given
            .iter()
            .filter(|quote| quote.ends_at() > as_of)
            .map(|quote| ComparedQuote {
                quote: quote.clone(),
                conflicts: conflicts(quote, &given),
            })
            .collect();
        quotes.sort_by_key(|it| Reverse((it.quote.given_at, it.quote.id)));
        quotes.truncate(MAX_QUOTES);
        let (purchases, _) =
            self.purchases_of(&customer.records, as_of, None, MAX_PURCHASES).await?;
        promises.retain(Promise::is_unsettled);
        promises.sort_by_key(|it| (it.made.due_at, it.id));
        promises.truncate(COUNTED);
        let customer = BriefedCustomer {
            customer_id: customer.id,
            profile: customer.profile,
            records: customer.records.len(),
            identifiers: held.len(),
            verified_identifiers: held
                .iter()
                .filter(|it| it.verification == Verification::Verified)
                .count(),
        };
        let older = Vec::new();
        let known = BriefingInput {
            customer,
            confidence,
            as_of,
            entries,
            older,
            cases,
            promises,
            purchases,
            quotes,
        };
        Ok(known)
    }

    async fn entries_then(&self, id: Uuid, as_of: Micros) -> Result<Vec<EntrySummary>, Error> {
        let filter = EntryFilter {
            occurred_before: Some(as_of.saturating_add(AHEAD + 1)),
            ..EntryFilter::default()
        };
        let mut request =
            PageRequest { filter, order: Order::NewestFirst, after: None, limit: PAGE };
        let mut entries = Vec::new();
        for _ in 0..LOOKED_THROUGH / PAGE {
            let page = self.list_timeline(id, &request).await?;
            entries.extend(entry_summaries(&page.entries)?);
            request.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        entries.retain(|entry| entry.recorded_at <= as_of);
        Ok(entries)
    }

    /// The cases of some records at a moment. A case that has not changed since is taken as it is.
    async fn cases_then(&self, records: &[Uuid], as_of: Micros) -> Result<Vec<Case>, Error> {
        let behind = (i64::MAX, Uuid::max());
        let sql = dialect::CASES_OF_RECORDS;
        let count = i64::try_from(2 * COUNTED).unwrap_or(i64::MAX);
        let rows: Vec<(String,)> =
            self.db.page_of_records(sql, records, false, behind, count).await?;
        let mut cases = Vec::new();
        for (content,) in rows {
            let case = case::read(&content)?;
            if case.changed_at <= as_of {
                cases.push(case);
            } else if case.opened_at <= as_of {
                cases.extend(self.replay_case(case.id, as_of).await?);
            }
        }
        Ok(cases)
    }
}
