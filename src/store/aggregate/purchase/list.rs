//! Lists and look-ups of purchases.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use uuid::Uuid;

use super::parts::{pair, read};
use crate::{
    domain::{order::order_key, purchase, serial::serial_key},
    error::Error,
    model::{Micros, OrderHistory, Position, PurchaseNumber, PurchaseState},
    store::{
        Store,
        sql::{db::on_db, dialect},
        write::orders::OrderOf,
    },
};

/// The purchases of a record after one, the last bought first; beyond a number of bytes they come
/// without content. $2, $3: the previous one. $4: recorded by then. $6: the bytes.
pub(super) const LIST: &str = "select order_key, bought_at, entry_id, \
    case when bytes - octet_length(content) < $6 then content end \
    from (select order_key, bought_at, entry_id, content, sum(octet_length(content)) \
            over (order by bought_at desc, entry_id desc rows unbounded preceding) as bytes \
        from (select order_key, bought_at, entry_id, content from orders \
            where customer_id = $1 and (bought_at, entry_id) < ($2, $3) and recorded_at <= $4 \
            order by bought_at desc, entry_id desc limit $5) p) s \
    order by bought_at desc, entry_id desc";
pub(super) const FIND_BY_KEY: &str = "select customer_id, order_key from purchase_keys \
    where kind = $1 and key = $2 order by customer_id, order_key limit $3";
pub(super) const FIND_BY_ORDER: &str = "select customer_id, order_key from purchases \
    where order_key = $1 order by customer_id limit $2";

/// How many bytes of purchases a page reads, except for the first, which is always included.
const PAGE_BYTES: i64 = 1 << 20;

type Place = (Micros, Uuid);
type ListRow = (String, Micros, Uuid, Option<String>);

impl Store {
    /// Purchases of a customer after `after`, the last bought first, as of `as_of`; and whether
    /// there are more. At most `limit`, and fewer if they are large.
    pub async fn list_purchases(
        &self,
        customer_id: Uuid,
        as_of: Micros,
        after: Option<Position>,
        limit: usize,
    ) -> Result<(Vec<PurchaseState>, bool), Error> {
        let records = self.records_of(customer_id).await?;
        self.purchases_of(&records, as_of, after, limit).await
    }

    /// The purchases of all records of a person: one statement for each record.
    pub(in crate::store) async fn purchases_of(
        &self,
        records: &[Uuid],
        as_of: Micros,
        after: Option<Position>,
        limit: usize,
    ) -> Result<(Vec<PurchaseState>, bool), Error> {
        let after: Place =
            after.map_or((i64::MAX, Uuid::max()), |it| (it.occurred_at, it.entry_id));
        let count = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let mut parts: BTreeMap<OrderOf, OrderHistory> = BTreeMap::new();
        let mut left_out: Option<Place> = None;
        for record in records {
            let rows: Vec<ListRow> = on_db!(&self.db, |c| {
                let query = sqlx::query_as(LIST).bind(record).bind(after.0).bind(after.1);
                query.bind(as_of).bind(count).bind(PAGE_BYTES).fetch_all(c).await?
            });
            for (key, at, id, content) in rows {
                match content {
                    Some(content) => {
                        parts.insert((*record, key), read(&content)?);
                    }
                    None => left_out = left_out.max(Some((at, id))),
                }
            }
        }
        if let [_, _, ..] = records {
            let keys: BTreeSet<&String> = parts.keys().map(|(_, key)| key).collect();
            let all = records.iter().flat_map(|id| keys.iter().map(|key| (*id, (*key).clone())));
            parts = self.parts(&all.collect()).await?;
        }
        // All of them are of one person.
        let mut purchases = resolve(parts, as_of, |_| Uuid::nil());
        let place = |it: &PurchaseState| (it.bought_at, it.entry_id);
        purchases.retain(|it| place(it) < after && left_out.is_none_or(|left| left < place(it)));
        let more = left_out.is_some() || purchases.len() > limit;
        purchases.truncate(limit);
        Ok((purchases, more))
    }

    /// The purchases that have a number, of one customer or of all, the last bought first: at most
    /// `limit`, and whether there are more.
    pub async fn find_purchases(
        &self,
        number: &PurchaseNumber,
        customer_id: Option<Uuid>,
        limit: usize,
    ) -> Result<(Vec<PurchaseState>, bool), Error> {
        let count = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let records = match customer_id {
            Some(id) => self.records_of(id).await?,
            None => Vec::new(),
        };
        let (kind, key) = match number {
            PurchaseNumber::Serial(key) => ("serial", key),
            PurchaseNumber::Tracking(key) => ("tracking", key),
            PurchaseNumber::Order(key) => ("", key),
        };
        let found: Vec<OrderOf> = match (number, customer_id) {
            (PurchaseNumber::Order(_), Some(_)) => {
                records.iter().map(|id| (*id, key.clone())).collect()
            }
            (PurchaseNumber::Order(_), None) => on_db!(&self.db, |c| {
                sqlx::query_as(FIND_BY_ORDER).bind(key).bind(count).fetch_all(c).await?
            }),
            (_, Some(_)) => {
                let sql = dialect::PURCHASES_OF_RECORDS;
                self.db.by_key_of_records(sql, &records, (kind, key), count).await?
            }
            (_, None) => on_db!(&self.db, |c| {
                let query = sqlx::query_as(FIND_BY_KEY).bind(kind).bind(key).bind(count);
                query.fetch_all(c).await?
            }),
        };
        // The order of one customer is read record by record.
        let is_cut = kind.is_empty() && customer_id.is_some();
        let mut more = !is_cut && found.len() > limit;
        let mut purchases = self.told_of(found).await?;
        purchases.retain(|purchase| has_number(purchase, number));
        more |= purchases.len() > limit;
        purchases.truncate(limit);
        Ok((purchases, more))
    }

    /// The purchases of some records, completed from the other records of the same persons.
    async fn told_of(&self, mut found: Vec<OrderOf>) -> Result<Vec<PurchaseState>, Error> {
        found.retain(|(record, _)| !self.is_restricted(*record));
        let asked: Vec<Uuid> = found.iter().map(|(id, _)| *id).collect();
        let persons: Vec<(Uuid, Uuid)> = self.by_ids(dialect::PERSONS_BY_ID, &asked).await?;
        let mut person_of: HashMap<Uuid, Uuid> = persons.into_iter().collect();
        let persons: BTreeSet<Uuid> = person_of.values().copied().collect();
        let persons: Vec<Uuid> = persons.into_iter().collect();
        let others: Vec<(Uuid, Uuid)> = self.by_ids(dialect::RECORDS_BY_PERSON, &persons).await?;
        let mut records: HashMap<Uuid, Vec<Uuid>> =
            persons.iter().map(|person| (*person, vec![*person])).collect();
        for (person, record) in others {
            records.entry(person).or_default().push(record);
            person_of.insert(record, person);
        }
        let mut all = BTreeSet::new();
        for (record, key) in &found {
            let person = person_of.get(record).copied().unwrap_or(*record);
            for record in records.get(&person).into_iter().flatten() {
                all.insert((*record, key.clone()));
            }
            person_of.insert(person, person);
        }
        let parts = self.parts(&all).await?;
        Ok(resolve(parts, Micros::MAX, |record| person_of.get(&record).copied().unwrap_or(record)))
    }

    /// The order histories of records.
    async fn parts(
        &self,
        orders: &BTreeSet<OrderOf>,
    ) -> Result<BTreeMap<OrderOf, OrderHistory>, Error> {
        let pairs: Vec<_> = orders.iter().map(pair).collect();
        let rows: Vec<(Uuid, String, String)> =
            self.db.by_pairs(dialect::ORDERS_BY_KEY, &pairs).await?;
        rows.into_iter().map(|(id, key, content)| Ok(((id, key), read(&content)?))).collect()
    }
}

/// Derives the purchases of persons from order histories, the last bought first.
pub(super) fn resolve(
    parts: BTreeMap<OrderOf, OrderHistory>,
    as_of: Micros,
    person_of: impl Fn(Uuid) -> Uuid,
) -> Vec<PurchaseState> {
    let mut orders: BTreeMap<OrderOf, Vec<(Uuid, OrderHistory)>> = BTreeMap::new();
    for ((record, key), part) in parts {
        orders.entry((person_of(record), key)).or_default().push((record, part));
    }
    let told = orders.into_values().flat_map(|parts| purchase::states(&parts, as_of));
    let mut purchases: Vec<PurchaseState> = told.collect();
    purchases.sort_by_key(|it| std::cmp::Reverse((it.bought_at, it.entry_id)));
    purchases
}

fn has_number(purchase: &PurchaseState, number: &PurchaseNumber) -> bool {
    let has = |text: &str, key: &String| serial_key(text).as_ref() == Some(key);
    match number {
        PurchaseNumber::Serial(key) => {
            purchase.lines.iter().any(|line| has(&line.bought.serial_number, key))
        }
        PurchaseNumber::Tracking(key) => {
            purchase.tracking_numbers.iter().any(|text| has(text, key))
        }
        PurchaseNumber::Order(key) => order_key(&purchase.order_number).as_ref() == Some(key),
    }
}
