//! What a briefing is made of, read in few statements: who the customer is, the newest entries, and
//! what stands open. As of a moment, what was recorded by then is told again.

use uuid::Uuid;

use super::{
    Store, case,
    db::on_db,
    dialect::{self, Twin},
    glimpse::{glimpse, glimpses},
    payload, promise,
    timeline::PageRequest,
    writes::read_profile,
};
use crate::{
    error::Error,
    model::{
        BriefedCustomer, Case, EntryFilter, Glimpse, Known, MAX_IDENTIFIERS, Micros, Order,
        Profile, Promise, Proof, Sureness,
    },
    story::briefing::{COUNTED, WINDOW},
};

/// What stands of a person: the records with their profiles, the open cases, the last changed
/// first, the promises that are not settled, the one due first first, and how many identifiers
/// there are of each proof. $1: any of the records.
pub(super) const STANDING: &str = "with p as materialized ( \
        select person_id as id from customers where id = $1), \
    r as materialized ( \
        select c.id, c.profile from customers c where c.id = (select id from p) \
        union all \
        select c.id, c.profile from customers c \
        where c.person_id = (select id from p) and c.person_id <> c.id) \
    select 'record' as sort, cast(0 as bigint) as number, r.profile as content from r \
    union all \
    select * from (select 'case', cast(0 as bigint), content from cases \
        where customer_id in (select id from r) and is_open \
        order by changed_at desc, case_id desc limit 100) c \
    union all \
    select * from (select 'promise', cast(0 as bigint), content from promises \
        where customer_id in (select id from r) and state in ('open', 'broken') \
        order by due_at, promise_id limit 100) w \
    union all \
    select 'proof', count(*), proof from identifiers \
        where customer_id in (select id from r) group by proof";

/// Of each of some records the last entry of each channel, the last complaint and the last
/// feedback, as far as they are there. $1: ids.
pub(super) const LAST_ENTRIES: Twin = Twin {
    sqlite: "select (select e.payload from entries e \
            where e.customer_id = c.id and e.channel = v.value \
            order by e.occurred_at desc, e.entry_id desc limit 1) \
        from (select unhex(value ->> 0) as id from json_each($1)) c cross join json_each( \
            json_array('phone', 'web', 'email', 'chat', 'messaging', 'social', 'store', 'app', \
            'letter')) v \
        union all \
        select (select e.payload from entries e \
            where e.customer_id = c.id and e.mark = v.value and e.mark <> '' \
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
            where e.customer_id = c.id and e.mark = v.value and e.mark <> '' \
            order by e.occurred_at desc, e.entry_id desc limit 1) \
        from unnest(cast($1 as uuid[])) c (id) \
            cross join unnest(array['complaint', 'feedback']) v (value)",
};

/// How many entries are looked through as of a moment, in pages of so many.
const LOOKED_THROUGH: usize = 2000;
const PAGE: usize = 200;
/// An entry may have happened so long after it was recorded.
const AHEAD: Micros = 3_600_000_000;

/// What [`STANDING`] tells.
#[derive(Debug, Default)]
struct Standing {
    profiles: Vec<String>,
    cases: Vec<Case>,
    promises: Vec<Promise>,
    identifiers: usize,
    verified: usize,
}

impl Store {
    /// What is known of a customer: now, or as of a moment.
    pub async fn known(
        &self,
        id: Uuid,
        sureness: Sureness,
        as_of: Option<Micros>,
    ) -> Result<Known, Error> {
        match as_of {
            None => self.known_now(id, sureness).await,
            Some(as_of) => self.known_then(id, sureness, as_of).await,
        }
    }

    async fn known_now(&self, id: Uuid, sureness: Sureness) -> Result<Known, Error> {
        let request = PageRequest {
            filter: EntryFilter::default(),
            order: Order::NewestFirst,
            after: None,
            limit: WINDOW,
        };
        let page = self.list_timeline(id, &request).await?;
        let entries = glimpses(&page.entries)?;
        let Standing { profiles, mut cases, promises, identifiers, verified } =
            self.standing(id).await?;
        let profile = match &profiles[..] {
            [profile] => read_profile(profile)?.profile,
            _ => self.get_customer(id).await?.ok_or(Error::CustomerNotFound)?.profile,
        };
        let older = match page.next {
            None => Vec::new(),
            Some(_) => self.last_entries(&self.records_of(id).await?).await?,
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
            records: profiles.len(),
            identifiers,
            verified_identifiers: verified,
        };
        let as_of = self.clock.now();
        Ok(Known { customer, sureness, as_of, entries, older, cases, promises })
    }

    async fn standing(&self, id: Uuid) -> Result<Standing, Error> {
        let rows: Vec<(String, i64, String)> =
            on_db!(&self.db, |c| sqlx::query_as(STANDING).bind(id).fetch_all(c).await?);
        let mut standing = Standing::default();
        for (sort, number, content) in rows {
            match sort.as_str() {
                "record" => standing.profiles.push(content),
                "case" => standing.cases.push(case::read(&content)?),
                "promise" => standing.promises.push(promise::read(&content)?),
                _ => {
                    let number = usize::try_from(number).unwrap_or(0);
                    standing.identifiers += number;
                    if content == Proof::Verified.code() {
                        standing.verified += number;
                    }
                }
            }
        }
        Ok(standing)
    }

    async fn last_entries(&self, records: &[Uuid]) -> Result<Vec<Glimpse>, Error> {
        let rows: Vec<(Option<Vec<u8>>,)> = self.by_ids(LAST_ENTRIES, records).await?;
        let payloads = rows.into_iter().filter_map(|(payload,)| payload);
        let mut found = Vec::new();
        for payload in payloads {
            found.push(glimpse(&payload::open(&payload)?)?);
        }
        found.sort_by_key(|it: &Glimpse| std::cmp::Reverse((it.occurred_at, it.entry_id)));
        found.dedup_by_key(|it| it.entry_id);
        Ok(found)
    }

    /// The same from the entries that were recorded by then.
    async fn known_then(
        &self,
        id: Uuid,
        sureness: Sureness,
        as_of: Micros,
    ) -> Result<Known, Error> {
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
        let (mut cases, mut promises) = (Vec::new(), Vec::new());
        for case_id in self.cases_opened(&customer.records).await? {
            cases.extend(self.retell_case(case_id, as_of).await?);
        }
        for record in &customer.records {
            promises.extend(self.retell_promises(*record, as_of).await?);
        }
        promises.retain(Promise::is_unsettled);
        promises.sort_by_key(|it| (it.made.due_at, it.id));
        promises.truncate(COUNTED);
        let customer = BriefedCustomer {
            customer_id: customer.id,
            profile: customer.profile,
            records: customer.records.len(),
            identifiers: held.len(),
            verified_identifiers: held.iter().filter(|it| it.proof == Proof::Verified).count(),
        };
        Ok(Known { customer, sureness, as_of, entries, older: Vec::new(), cases, promises })
    }

    async fn entries_then(&self, id: Uuid, as_of: Micros) -> Result<Vec<Glimpse>, Error> {
        let filter = EntryFilter {
            occurred_before: Some(as_of.saturating_add(AHEAD + 1)),
            ..EntryFilter::default()
        };
        let mut request =
            PageRequest { filter, order: Order::NewestFirst, after: None, limit: PAGE };
        let mut entries = Vec::new();
        for _ in 0..LOOKED_THROUGH / PAGE {
            let page = self.list_timeline(id, &request).await?;
            entries.extend(glimpses(&page.entries)?);
            request.after = page.next;
            if page.next.is_none() {
                break;
            }
        }
        entries.retain(|entry| entry.recorded_at <= as_of);
        Ok(entries)
    }

    /// The cases of some records, the last changed first.
    async fn cases_opened(&self, records: &[Uuid]) -> Result<Vec<Uuid>, Error> {
        let behind = (i64::MAX, Uuid::max());
        let sql = dialect::CASES_OF_RECORDS;
        let count = i64::try_from(2 * COUNTED).unwrap_or(i64::MAX);
        let rows: Vec<(String,)> =
            self.db.page_of_records(sql, records, false, behind, count).await?;
        rows.iter().map(|(content,)| Ok(case::read(content)?.id)).collect()
    }
}
