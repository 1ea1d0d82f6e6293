//! What a briefing is made of, read in few statements: who the customer is, the newest entries, and
//! what stands open. As of a moment, what was recorded by then is told again.

use uuid::Uuid;

use super::{
    Store, case,
    dialect::{self, Twin},
    glimpse::{glimpse, glimpses},
    payload, promise,
    timeline::PageRequest,
};
use crate::{
    error::Error,
    model::{
        Case, Customer, EntryFilter, Glimpse, Known, MAX_IDENTIFIERS, Micros, Order, Profile,
        Promise, Sureness,
    },
    story::briefing::{COUNTED, WINDOW},
};

/// What stands of some records: their open cases, the last changed first, and their promises that
/// are not settled, the one due first first. $1: ids.
const STANDING: Twin = Twin {
    sqlite: "select * from (select 'case' as sort, content from cases \
            where customer_id in (select unhex(value ->> 0) from json_each($1)) and is_open \
            order by changed_at desc, case_id desc limit 100) c \
        union all \
        select * from (select 'promise' as sort, content from promises \
            where customer_id in (select unhex(value ->> 0) from json_each($1)) \
            and state in ('open', 'broken') order by due_at, promise_id limit 100) p",
    postgres: "select * from (select 'case' as sort, content from cases \
            where customer_id = any($1) and is_open \
            order by changed_at desc, case_id desc limit 100) c \
        union all \
        select * from (select 'promise' as sort, content from promises \
            where customer_id = any($1) and state in ('open', 'broken') \
            order by due_at, promise_id limit 100) p",
};

/// Of each of some records the last entry of each channel, the last complaint and the last
/// feedback, as far as they are there. $1: ids.
const LAST_ENTRIES: Twin = Twin {
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

pub(super) const TWINS: [(&str, Twin); 2] =
    [("briefing.standing", STANDING), ("briefing.last_entries", LAST_ENTRIES)];

/// How many entries are looked through as of a moment, in pages of so many.
const LOOKED_THROUGH: usize = 2000;
const PAGE: usize = 200;
/// An entry may have happened so long after it was recorded.
const AHEAD: Micros = 3_600_000_000;

impl Store {
    /// What is known of a customer: now, or as of a moment.
    pub async fn known(
        &self,
        id: Uuid,
        sureness: Sureness,
        as_of: Option<Micros>,
    ) -> Result<Known, Error> {
        let customer = self.get_customer(id).await?.ok_or(Error::CustomerNotFound)?;
        match as_of {
            None => self.known_now(customer, sureness).await,
            Some(as_of) => self.known_then(customer, sureness, as_of).await,
        }
    }

    async fn known_now(&self, customer: Customer, sureness: Sureness) -> Result<Known, Error> {
        let request = PageRequest {
            filter: EntryFilter::default(),
            order: Order::NewestFirst,
            after: None,
            limit: WINDOW,
        };
        let page = self.list_timeline(customer.id, &request).await?;
        let entries = glimpses(&page.entries)?;
        let older = match page.next {
            None => Vec::new(),
            Some(_) => self.last_entries(&customer.records).await?,
        };
        let (mut cases, promises) = self.standing(&customer.records).await?;
        let complaint = entries.iter().chain(&older).find(|it| it.is_complaint);
        if let Some(id) = complaint.and_then(|it| it.case_id)
            && !cases.iter().any(|case| case.id == id)
        {
            cases.push(self.get_case(id).await?);
        }
        let as_of = self.clock.now();
        Ok(Known { customer, sureness, as_of, entries, older, cases, promises })
    }

    async fn standing(&self, records: &[Uuid]) -> Result<(Vec<Case>, Vec<Promise>), Error> {
        let rows: Vec<(String, String)> = self.by_ids(STANDING, records).await?;
        let (mut cases, mut promises) = (Vec::new(), Vec::new());
        for (sort, content) in rows {
            match sort.as_str() {
                "case" => cases.push(case::read(&content)?),
                _ => promises.push(promise::read(&content)?),
            }
        }
        Ok((cases, promises))
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
        mut customer: Customer,
        sureness: Sureness,
        as_of: Micros,
    ) -> Result<Known, Error> {
        customer.identifiers = self
            .claims_of(&customer.records, true, None, MAX_IDENTIFIERS)
            .await?
            .into_iter()
            .filter(|it| it.valid_from <= as_of && it.valid_to.is_none_or(|to| to > as_of))
            .collect();
        let unknown = Profile::default();
        for source in customer.sources.iter().filter(|source| source.given.at > as_of) {
            customer.profile.take(&unknown, source.field);
        }
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
