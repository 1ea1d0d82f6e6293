//! Write transactions.

use std::sync::Arc;

use sqlx::{PgConnection, SqliteConnection};
use uuid::Uuid;

use super::{
    on,
    pooled::Pooled,
    rows::{Row, json},
};
use crate::{
    error::Error,
    model::Micros,
    store::{
        files::COUNT,
        sql::{
            dialect::{CHANGED_IDENTITY, SET_LAST_SEEN, SET_PERSON},
            statement::Twin,
        },
    },
};

/// A write transaction. When dropped, it is rolled back, and its connection is closed if a
/// statement has failed.
pub enum Tx {
    Sqlite(Pooled<SqliteConnection>),
    Postgres(Pooled<PgConnection>),
}

impl Tx {
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(mut tx) => {
                on!(tx, |c| sqlx::query(COUNT).execute(c).await?);
                let file = Arc::clone(tx.target());
                tx.commit().await?;
                // A commit into a file that has lost its name is lost.
                file.ensure_in_place()
            }
            Self::Postgres(tx) => tx.commit().await,
        }
    }

    /// The rows of some ids, in one statement.
    pub async fn by_ids<T: Row>(&mut self, sql: Twin, ids: &[Uuid]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let list = json(ids.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query_as(sql.sqlite).bind(list);
                on!(*tx, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(tx) => {
                let query = sqlx::query_as(sql.postgres).bind(ids);
                on!(*tx, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// The rows of some texts, in one statement.
    pub async fn by_texts<T: Row>(&mut self, sql: Twin, texts: &[String]) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let list = json(texts.iter().map(|text| [text.clone()]));
                let query = sqlx::query_as(sql.sqlite).bind(list);
                on!(*tx, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(tx) => {
                let query = sqlx::query_as(sql.postgres).bind(texts);
                on!(*tx, |c| query.fetch_all(c).await?)
            }
        })
    }

    /// Updates when identifiers were last seen: pairs of key and customer.
    pub async fn set_last_seen(
        &mut self,
        pairs: &[(String, String)],
        now: Micros,
    ) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let list = json(pairs.iter().map(|(a, b)| [a.clone(), b.clone()]));
                let query = sqlx::query(SET_LAST_SEEN.sqlite).bind(list).bind(now);
                on!(*tx, |c| query.execute(c).await?);
            }
            Self::Postgres(tx) => {
                let (a, b): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
                let query = sqlx::query(SET_LAST_SEEN.postgres).bind(a).bind(b).bind(now);
                on!(*tx, |c| query.execute(c).await?);
            }
        }
        Ok(())
    }

    /// Increments the identity revision of locked records, so that transactions that resolved
    /// identities before without a lock notice.
    pub async fn changed_identity(&mut self, records: &[Uuid]) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let list = json(records.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query(CHANGED_IDENTITY.sqlite).bind(list);
                on!(*tx, |c| query.execute(c).await?);
            }
            Self::Postgres(tx) => {
                let query = sqlx::query(CHANGED_IDENTITY.postgres).bind(records);
                on!(*tx, |c| query.execute(c).await?);
            }
        }
        Ok(())
    }

    /// Makes records part of a person.
    pub async fn set_person(&mut self, records: &[Uuid], person: Uuid) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => {
                let list = json(records.iter().map(|id| [id.simple().to_string()]));
                let query = sqlx::query(SET_PERSON.sqlite).bind(list).bind(person);
                on!(*tx, |c| query.execute(c).await?);
            }
            Self::Postgres(tx) => {
                let query = sqlx::query(SET_PERSON.postgres).bind(records).bind(person);
                on!(*tx, |c| query.execute(c).await?);
            }
        }
        Ok(())
    }

    /// The rows of some pairs of texts, in one statement.
    pub async fn by_pairs<T: Row>(
        &mut self,
        sql: Twin,
        pairs: &[(String, String)],
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Self::Sqlite(tx) => {
                let list = json(pairs.iter().map(|(a, b)| [a.clone(), b.clone()]));
                let query = sqlx::query_as(sql.sqlite).bind(list);
                on!(*tx, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(tx) => {
                let (a, b): (Vec<String>, Vec<String>) = pairs.iter().cloned().unzip();
                let query = sqlx::query_as(sql.postgres).bind(a).bind(b);
                on!(*tx, |c| query.fetch_all(c).await?)
            }
        })
    }
}
