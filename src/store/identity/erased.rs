//! Which records were erased.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    error::Error,
    store::sql::{
        db::Tx,
        statement::{Twin, list_of},
    },
};

/// Which of some customers were erased. $1: ids.
pub const AMONG: Twin = list_of!(ids: "select customer_id from erased_customers where customer_id");

/// Which of some records were erased.
pub async fn among(tx: &mut Tx, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, Error> {
    let rows: Vec<(Uuid,)> = tx.by_ids(AMONG, ids).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The error for a write to records that do not exist.
pub async fn missing(tx: &mut Tx, ids: &[Uuid]) -> Result<Error, Error> {
    let erased = among(tx, ids).await?;
    Ok(if erased.is_empty() { Error::CustomerNotFound } else { Error::CustomerErased })
}
