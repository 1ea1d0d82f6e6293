//! Cases: a change is checked against the current case, recorded as an entry, and applied. All of
//! it happens under the lock of the customer record that the case was opened with.

use uuid::Uuid;

use crate::{
    domain::{
        case::{CaseFault, apply, is_known},
        order::order_key,
    },
    error::Error,
    model::{Case, CaseChange, CaseWrite, EventMeta, Micros, RequestContext},
    store::{
        Store,
        entry::{
            codec::{self, EntryChange, EntryMeta},
            payload,
        },
        identity::{erased, person},
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_db, on_tx},
            dialect,
            json::to_json,
        },
        write::{
            change::{Change, earlier},
            facts::FactRow,
            writes::{CustomerRecord, CustomerRow},
        },
    },
};

/// The record that a case was opened with. It never changes.
const RECORD_OF: &str = "select customer_id from cases where case_id = $1";
const GET: &str = "select content from cases where case_id = $1";
const LOAD: &str = "select content from cases where customer_id = $1 and case_id = $2";
const SET: &str = "insert into cases \
    (customer_id, case_id, is_open, queue, owner, changed_at, content) \
    values ($1, $2, $3, $4, $5, $6, $7) \
    on conflict (customer_id, case_id) do update set is_open = excluded.is_open, \
    queue = excluded.queue, owner = excluded.owner, changed_at = excluded.changed_at, \
    content = excluded.content";
/// The entries of a case in its own record, by id. $3: the previous id.
const ENTRIES: &str = "select e.payload from case_entries c join entries e \
    on e.customer_id = c.customer_id and e.occurred_at = c.occurred_at \
    and e.entry_id = c.entry_id where c.customer_id = $1 and c.case_id = $2 \
    order by c.occurred_at, c.entry_id limit $3";

/// Counts the open cases of a locked record.
const COUNT_OPEN: &str = "update customers set open_cases = \
    (select count(*) from cases where customer_id = $1 and is_open) where id = $1";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 6] = [
    ("cases.record_of", RECORD_OF),
    ("cases.get", GET),
    ("cases.load", LOAD),
    ("cases.set", SET),
    ("customers.count_open_cases", COUNT_OPEN),
    ("cases.entries", ENTRIES),
];

/// How many open cases a record may have.
const MAX_OPEN: i64 = 200;
/// How many entries a case is replayed from.
const MAX_REPLAYED: i64 = 10_000;

/// A case to open for a customer. The change of `write` is [`CaseChange::Opened`].
#[derive(Clone, Debug)]
pub struct NewCase {
    pub customer_id: Uuid,
    pub write: CaseWrite,
}

pub fn read(content: &str) -> Result<Case, Error> {
    serde_json::from_str(content)
        .map_err(|_| Error::Inconsistent { table: "cases", column: "content" })
}

/// Applies a change to a case, or returns the error.
pub fn changed(
    before: Option<Case>,
    case_id: Uuid,
    change: &CaseChange,
    event: &EventMeta,
) -> Result<Case, Error> {
    apply(before, case_id, change, event).map_err(refused)
}

fn refused(fault: CaseFault) -> Error {
    match fault {
        CaseFault::Resolved => Error::CaseResolved,
        CaseFault::NotResolved => Error::CaseNotResolved,
        CaseFault::FactUnknown => Error::FactUnknown,
        CaseFault::NotHandedOver => Error::NotHandedOver,
        CaseFault::Full => Error::CaseFull,
    }
}

/// Locks a record for a change; a restricted one is refused.
pub async fn lock_record(tx: &mut Tx, record: Uuid) -> Result<CustomerRecord, Error> {
    let rows: Vec<CustomerRow> = tx.by_ids(dialect::LOCK_CUSTOMERS, &[record]).await?;
    match rows.into_iter().next().map(|row| CustomerRecord::from_row(row).1) {
        Some(current) if current.restricted => Err(Error::CustomerRestricted),
        Some(current) => Ok(current),
        None => Err(erased::missing(tx, &[record]).await?),
    }
}

/// Loads a case, locked with its record.
pub async fn load(tx: &mut Tx, record: Uuid, case_id: Uuid) -> Result<Case, Error> {
    let content: Option<String> = on_tx!(tx, |c| {
        sqlx::query_scalar(LOAD).bind(record).bind(case_id).fetch_optional(c).await?
    });
    read(&content.ok_or(Error::CaseNotFound)?)
}

/// The orders and the entry that a change refers to must belong to the person.
async fn check_references(tx: &mut Tx, person: Uuid, change: &CaseChange) -> Result<(), Error> {
    let none = Vec::new();
    let (field, orders, told_in) = match change {
        CaseChange::Opened(opening) => ("order_numbers", &opening.orders, None),
        CaseChange::Updated(update) => ("add_order_numbers", &update.add_orders, None),
        CaseChange::FactTold { told_in, .. } => ("told_in_entry_id", &none, *told_in),
        _ => return Ok(()),
    };
    if orders.is_empty() && told_in.is_none() {
        return Ok(());
    }
    let records = person::records(tx, [person].into()).await?.remove(&person).unwrap_or_default();
    if let Some(entry_id) = told_in {
        let id = entry_id.simple().to_string();
        let pairs: Vec<_> =
            records.iter().map(|record| (record.simple().to_string(), id.clone())).collect();
        let found: Vec<(Uuid, Uuid)> = tx.by_pairs(dialect::ENTRIES_BY_ID, &pairs).await?;
        if found.is_empty() {
            return Err(Error::ReplyNotFound { field: field.to_owned() });
        }
        return Ok(());
    }
    let mut pairs = Vec::new();
    for record in records {
        for order in orders {
            let key = order_key(order).unwrap_or_default();
            pairs.push((record.simple().to_string(), key));
        }
    }
    let found: Vec<(Uuid, String)> = tx.by_pairs(dialect::PURCHASES_BY_KEY, &pairs).await?;
    for (index, order) in orders.iter().enumerate() {
        let key = order_key(order).unwrap_or_default();
        if !found.iter().any(|(_, found)| *found == key) {
            return Err(Error::PurchaseNotFound { field: format!("{field}[{index}]") });
        }
    }
    Ok(())
}

async fn set(tx: &mut Tx, case: &Case) -> Result<(), Error> {
    let is_open = !case.is_resolved();
    let shown = |text: &str| if is_open { text.to_owned() } else { String::new() };
    let content = to_json(case)?;
    on_tx!(tx, |c| {
        sqlx::query(SET)
            .bind(case.record_id)
            .bind(case.id)
            .bind(is_open)
            .bind(shown(&case.queue))
            .bind(shown(&case.owner))
            .bind(case.changed_at)
            .bind(content)
            .execute(c)
            .await?;
    });
    Ok(())
}

impl Store {
    /// Opens a case. Idempotent.
    pub async fn open_case(&self, new: NewCase, context: RequestContext) -> Result<Case, Error> {
        let person = self.person_to_write(new.customer_id).await?;
        self.write_case(person, new.write, context).await
    }

    /// Changes a case. Idempotent.
    pub async fn change_case(
        &self,
        write: CaseWrite,
        context: RequestContext,
    ) -> Result<Case, Error> {
        let record = self.record_of_case(write.case_id).await?;
        self.write_case(record, write, context).await
    }

    /// The record that a case was opened with.
    pub async fn record_of_case(&self, case_id: Uuid) -> Result<Uuid, Error> {
        let record: Option<Uuid> = on_db!(&self.db, |c| {
            sqlx::query_scalar(RECORD_OF).bind(case_id).fetch_optional(c).await?
        });
        let record = record.ok_or(Error::CaseNotFound)?;
        self.ensure_not_restricted(record)?;
        Ok(record)
    }

    async fn write_case(
        &self,
        record: Uuid,
        write: CaseWrite,
        context: RequestContext,
    ) -> Result<Case, Error> {
        let store = self.clone();
        let run = move || {
            let (store, write, context) = (store.clone(), write.clone(), context.clone());
            async move { store.try_write_case(record, &write, &context).await }
        };
        let case_id = attempt(run).await.map_err(lost)?;
        self.get_case(case_id).await
    }

    async fn try_write_case(
        &self,
        record: Uuid,
        write: &CaseWrite,
        context: &RequestContext,
    ) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let current = lock_record(&mut tx, record).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return row.entry_id.ok_or(Error::CaseNotFound);
        }
        let before = match write.change {
            CaseChange::Opened(_) => None,
            _ => Some(load(&mut tx, record, write.case_id).await?),
        };
        if let (Some(case), Some(etag)) = (&before, &write.etag)
            && case.etag() != *etag
        {
            return Err(Error::StaleEtag);
        }
        check_references(&mut tx, current.person_id, &write.change).await?;
        let now = self.clock.now();
        let mut change = Change::new(context, now);
        let known = before.as_ref().is_some_and(|case| is_known(case, &write.change));
        if !known {
            let entry_id = self.clock.new_id();
            let flags = write.flags.clone();
            let meta = EntryMeta { entry_id, at: now, channel: Some(write.channel), flags };
            let entry = codec::case_entry(&meta, write.case_id, &write.change, context);
            let revision = change.add(record, &current, entry);
            let told = matches!(write.change, CaseChange::FactTold { .. });
            if told || matches!(write.change, CaseChange::FactReasked { .. }) {
                change.count_fact(FactRow {
                    customer_id: record,
                    told_at: now,
                    entry_id,
                    case_id: write.case_id,
                    channel: write.channel,
                    reasked: !told,
                });
            }
            let event = EventMeta {
                entry_id,
                record_id: record,
                revision,
                at: now,
                channel: Some(write.channel),
                actor: context.actor.clone(),
                reason: context.reason.clone(),
            };
            let opens = matches!(write.change, CaseChange::Opened(_) | CaseChange::Reopened);
            if opens && current.open_cases >= MAX_OPEN {
                return Err(Error::CaseFull);
            }
            let case = changed(before, write.case_id, &write.change, &event)?;
            set(&mut tx, &case).await?;
            if opens || case.is_resolved() {
                on_tx!(&mut tx, |c| {
                    sqlx::query(COUNT_OPEN).bind(record).execute(c).await?;
                });
            }
        }
        change.write(&mut tx, record, Some(write.case_id)).await?;
        tx.commit().await?;
        Ok(write.case_id)
    }

    /// Returns a case.
    pub async fn get_case(&self, case_id: Uuid) -> Result<Case, Error> {
        let content: Option<String> = on_db!(&self.db, |c| {
            sqlx::query_scalar(GET).bind(case_id).fetch_optional(c).await?
        });
        let case = read(&content.ok_or(Error::CaseNotFound)?)?;
        self.ensure_not_restricted(case.record_id)?;
        Ok(case)
    }

    /// Replays a case from its entries recorded by a time, without its stored row; None if it did
    /// not exist.
    pub async fn replay_case(&self, case_id: Uuid, until: Micros) -> Result<Option<Case>, Error> {
        let record: Option<Uuid> = on_db!(&self.db, |c| {
            sqlx::query_scalar(RECORD_OF).bind(case_id).fetch_optional(c).await?
        });
        let Some(record) = record else { return Ok(None) };
        let rows: Vec<(Vec<u8>,)> = on_db!(&self.db, |c| {
            let query = sqlx::query_as(ENTRIES).bind(record).bind(case_id).bind(MAX_REPLAYED);
            query.fetch_all(c).await?
        });
        let mut told = Vec::new();
        for (bytes,) in rows {
            let entry = payload::open(&bytes)?;
            if codec::recorded_at(&entry)? > until {
                continue;
            }
            if let Some((EntryChange::Case(change), event)) = codec::read(&entry)? {
                told.push((event.revision, change, event));
            }
        }
        told.sort_by_key(|(revision, ..)| *revision);
        let mut case = None;
        for (_, change, event) in told {
            case = Some(changed(case, case_id, &change, &event)?);
        }
        Ok(case)
    }
}
