//! Pairs of records, and what is suggested of them.

use uuid::Uuid;

use super::statements::SUGGESTIONS_OF;
use crate::{
    error::Error,
    store::sql::{bulk::Column, db::Db},
};

/// Two records, the smaller id first.
pub type PairOf = (Uuid, Uuid);

/// A row of `suggestions` without its reasons.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub pair: PairOf,
    pub id: Uuid,
    pub rank: i64,
    pub listed: bool,
}

/// The suggestions that records are part of.
pub async fn suggestions_of(db: &Db, ids: Vec<Uuid>) -> Result<Vec<Row>, Error> {
    let rows: Vec<(Uuid, Uuid, Uuid, i64, bool)> =
        db.list(SUGGESTIONS_OF, vec![Column::Ids(ids)]).await?;
    let row = |(one, other, id, rank, listed)| Row { pair: (one, other), id, rank, listed };
    Ok(rows.into_iter().map(row).collect())
}

pub fn pair(one: Uuid, other: Uuid) -> PairOf {
    (one.min(other), one.max(other))
}
