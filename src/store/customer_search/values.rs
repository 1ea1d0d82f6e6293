//! Records by a value: an identifier, a part of one, an order, a postal code.

use uuid::Uuid;

use crate::{
    error::Error,
    model::{Clue, IdentifierKind, Match, MatchQuality, MatchedBy},
    store::{Store, db::on_db},
    story::customer_search::{email_match, phone_match, phone_part},
};

const FIND_BY_KEY: &str =
    "select customer_id from identifiers where key = $1 order by customer_id limit 300";
const FIND_BY_KEY_BEGINNING: &str = "select key, customer_id from identifiers \
    where key >= $1 and key < $2 order by key, customer_id limit 300";
const FIND_BY_PART: &str = "select p.key, i.customer_id from identifier_parts p \
    join identifiers i on i.key = p.key \
    where p.part >= $1 and p.part < $2 order by p.part, p.key, i.customer_id limit 300";
const FIND_BY_ORDER: &str = "select customer_id from purchases where order_key = $1 \
    order by customer_id limit 300";
const FIND_BY_POSTCODE: &str = "select id from customers \
    where postcode_key = $1 and postcode_key <> '' order by house_number_key, id limit 400";
const FIND_BY_HOUSE: &str = "select id from customers \
    where postcode_key = $1 and postcode_key <> '' and house_number_key = $2 \
    order by id limit 400";

pub(super) const STATEMENTS: [(&str, &str); 6] = [
    ("customer_search.find_by_key", FIND_BY_KEY),
    ("customer_search.find_by_key_beginning", FIND_BY_KEY_BEGINNING),
    ("customer_search.find_by_part", FIND_BY_PART),
    ("customer_search.find_by_order", FIND_BY_ORDER),
    ("customer_search.find_by_postcode", FIND_BY_POSTCODE),
    ("customer_search.find_by_house", FIND_BY_HOUSE),
];

impl Store {
    /// The records that a clue finds, and how well it does. A name is no value.
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
                exact(by, self.find_ids(FIND_BY_KEY, key).await?)
            }
            Clue::Order(key) => {
                exact(MatchedBy::OrderNumber, self.find_ids(FIND_BY_ORDER, key).await?)
            }
            Clue::Postcode { postcode, house_number: None } => {
                exact(MatchedBy::Postcode, self.find_ids(FIND_BY_POSTCODE, postcode).await?)
            }
            Clue::Postcode { postcode, house_number: Some(house) } => {
                let ids = on_db!(&self.db, |c| {
                    let query = sqlx::query_scalar(FIND_BY_HOUSE).bind(postcode).bind(house);
                    query.fetch_all(c).await?
                });
                exact(MatchedBy::Postcode, ids)
            }
            Clue::PhoneEnd(digits) => {
                let rows = self.find_keys(FIND_BY_PART, phone_part(digits)).await?;
                let found = rows.into_iter().map(|(key, id)| (id, Some(phone_match(digits, &key))));
                found.collect()
            }
            Clue::EmailPart(part) => self.find_by_email_part(part).await?,
        })
    }

    async fn find_by_email_part(&self, part: &str) -> Result<Vec<(Uuid, Option<Match>)>, Error> {
        let mut rows = Vec::new();
        match part.strip_prefix('@') {
            Some(domain) => rows.extend(self.find_keys(FIND_BY_PART, format!("d{domain}")).await?),
            None => {
                let beginning = format!("email:/{part}");
                rows.extend(self.find_keys(FIND_BY_KEY_BEGINNING, beginning).await?);
                rows.extend(self.find_keys(FIND_BY_PART, format!("e{part}")).await?);
                rows.extend(self.find_keys(FIND_BY_PART, format!("d{part}")).await?);
            }
        }
        Ok(rows.into_iter().map(|(key, id)| (id, Some(email_match(part, &key)))).collect())
    }

    async fn find_ids(&self, text: &'static str, value: &str) -> Result<Vec<Uuid>, Error> {
        Ok(on_db!(&self.db, |c| sqlx::query_scalar(text).bind(value).fetch_all(c).await?))
    }

    /// The keys of identifiers within the range of what begins so, with whom they name.
    async fn find_keys(
        &self,
        text: &'static str,
        beginning: String,
    ) -> Result<Vec<(String, Uuid)>, Error> {
        let behind = format!("{beginning}\u{10ffff}");
        Ok(on_db!(&self.db, |c| {
            sqlx::query_as(text).bind(beginning).bind(behind).fetch_all(c).await?
        }))
    }
}

/// The very value.
fn exact(by: MatchedBy, ids: Vec<Uuid>) -> Vec<(Uuid, Option<Match>)> {
    ids.into_iter().map(|id| (id, Some(Match::new(by, MatchQuality::Exact, 0)))).collect()
}
