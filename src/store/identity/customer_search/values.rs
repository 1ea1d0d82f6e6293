//! Finds records by a value: an identifier, a part of one, an order, a postal code.

use std::sync::LazyLock;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::packed::{Packed, ids, texts};
use crate::{
    domain::customer_search::{email_match, phone_match, phone_part},
    error::Error,
    model::{Clue, IdentifierKind, Match, MatchQuality, MatchedBy},
    store::{Store, sql::db::on_db},
};

static FIND_BY_KEY: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids(
        "select customer_id as id from identifiers where key = $1 order by customer_id limit 200",
    )
});
static FIND_BY_KEY_BEGINNING: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids_and_texts(
        "select customer_id as id, key as text from identifiers \
        where key >= $1 and key < $2 order by key, customer_id limit 200",
    )
});
static FIND_BY_PART: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids_and_texts(
        "select i.customer_id as id, p.key as text from identifier_parts p \
        join identifiers i on i.key = p.key \
        where p.part >= $1 and p.part < $2 order by p.part, p.key, i.customer_id limit 200",
    )
});
static FIND_BY_ORDER: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids(
        "select customer_id as id from purchases where order_key = $1 \
        order by customer_id limit 200",
    )
});
static FIND_BY_POSTCODE: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids(
        "select id from customers where postcode_key = $1 and postcode_key <> '' \
        order by house_number_key, id limit 400",
    )
});
static FIND_BY_HOUSE: LazyLock<Packed> = LazyLock::new(|| {
    Packed::ids(
        "select id from customers where postcode_key = $1 and postcode_key <> '' \
        and house_number_key = $2 order by id limit 400",
    )
});

pub(super) fn statements() -> [(&'static str, &'static Packed); 6] {
    [
        ("customer_search.find_by_key", &FIND_BY_KEY),
        ("customer_search.find_by_key_beginning", &FIND_BY_KEY_BEGINNING),
        ("customer_search.find_by_part", &FIND_BY_PART),
        ("customer_search.find_by_order", &FIND_BY_ORDER),
        ("customer_search.find_by_postcode", &FIND_BY_POSTCODE),
        ("customer_search.find_by_house", &FIND_BY_HOUSE),
    ]
}

impl Store {
    /// The records that a clue finds, with the match. Names are handled elsewhere.
    pub(super) async fn find_by_value(
        &self,
        clue: &Clue,
    ) -> Result<Vec<(Uuid, Option<Match>)>, Error> {
        Ok(match clue {
            Clue::Name { .. } => Vec::new(),
            Clue::Identifier { kind, key } => {
                let by = match kind {
                    IdentifierKind::Email => MatchedBy::Email,
                    IdentifierKind::Phone => MatchedBy::Phone,
                    _ => MatchedBy::Identifier,
                };
                exact(by, self.find_ids(&FIND_BY_KEY, key).await?)
            }
            Clue::Order(key) => {
                exact(MatchedBy::OrderNumber, self.find_ids(&FIND_BY_ORDER, key).await?)
            }
            Clue::Postcode { postcode, house_number: None } => {
                exact(MatchedBy::Postcode, self.find_ids(&FIND_BY_POSTCODE, postcode).await?)
            }
            Clue::Postcode { postcode, house_number: Some(house) } => {
                let text = AssertSqlSafe(FIND_BY_HOUSE.on(&self.db));
                let found = on_db!(&self.db, |c| {
                    sqlx::query_scalar(text).bind(postcode).bind(house).fetch_one(c).await?
                });
                exact(MatchedBy::Postcode, ids(found))
            }
            Clue::PhoneEnd(digits) => {
                let rows = self.find_keys(&FIND_BY_PART, phone_part(digits)).await?;
                let found = rows.into_iter().map(|(key, id)| (id, Some(phone_match(digits, &key))));
                found.collect()
            }
            Clue::EmailPart(part) => self.find_by_email_part(part).await?,
        })
    }

    async fn find_by_email_part(&self, part: &str) -> Result<Vec<(Uuid, Option<Match>)>, Error> {
        let mut rows = Vec::new();
        match part.strip_prefix('@') {
            Some(domain) => rows.extend(self.find_keys(&FIND_BY_PART, format!("d{domain}")).await?),
            None => {
                let beginning = format!("email:/{part}");
                rows.extend(self.find_keys(&FIND_BY_KEY_BEGINNING, beginning).await?);
                rows.extend(self.find_keys(&FIND_BY_PART, format!("e{part}")).await?);
                rows.extend(self.find_keys(&FIND_BY_PART, format!("d{part}")).await?);
            }
        }
        Ok(rows.into_iter().map(|(key, id)| (id, Some(email_match(part, &key)))).collect())
    }

    async fn find_ids(&self, find: &Packed, value: &str) -> Result<Vec<Uuid>, Error> {
        let text = AssertSqlSafe(find.on(&self.db));
        let found = on_db!(&self.db, |c| sqlx::query_scalar(text).bind(value).fetch_one(c).await?);
        Ok(ids(found))
    }

    /// The identifier keys in a range, with the records that they name.
    async fn find_keys(
        &self,
        find: &Packed,
        beginning: String,
    ) -> Result<Vec<(String, Uuid)>, Error> {
        let behind = format!("{beginning}\u{10ffff}");
        let text = AssertSqlSafe(find.on(&self.db));
        let (found, keys): (Option<Vec<u8>>, Option<String>) = on_db!(&self.db, |c| {
            sqlx::query_as(text).bind(beginning).bind(behind).fetch_one(c).await?
        });
        let ids = ids(found);
        let keys = texts(keys.as_deref(), ids.len())?;
        Ok(keys.into_iter().map(str::to_owned).zip(ids).collect())
    }
}

/// Exact matches.
fn exact(by: MatchedBy, ids: Vec<Uuid>) -> Vec<(Uuid, Option<Match>)> {
    ids.into_iter().map(|id| (id, Some(Match::new(by, MatchQuality::Exact, 0)))).collect()
}
