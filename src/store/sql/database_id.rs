//! The id of a database, which its audit log shares if it is a separate file.

use uuid::Uuid;

use super::{
    db::{Db, on_db, on_tx},
    settings::{ADD, GET},
};
use crate::{
    error::Error,
    store::{files::Files, opening::OpenError},
};

pub const KEY: &str = "database_id";
pub const GET_OF_AUDIT: &str = "select value from audit_settings where name = $1";
pub const ADD_OF_AUDIT: &str =
    "insert into audit_settings (name, value) values ($1, $2) on conflict (name) do nothing";

/// Assigns an id to a database that has none, for example one of an older version: that of its
/// audit log, or else `new`. The audit log of another database is refused.
pub async fn agree(
    db: &Db,
    audit: &Db,
    files: Option<&Files>,
    new: Uuid,
) -> Result<Uuid, OpenError> {
    let of_database = get(db, GET).await?;
    let Some(files) = files else {
        return Ok(add(db, ADD, GET, of_database.unwrap_or(new)).await?);
    };
    let of_audit = get(audit, GET_OF_AUDIT).await?;
    let id = of_database.or(of_audit).unwrap_or(new);
    // The audit log first, so that an interrupted run can be continued.
    let of_audit = add(audit, ADD_OF_AUDIT, GET_OF_AUDIT, id).await?;
    let of_database = add(db, ADD, GET, of_audit).await?;
    let is_one = of_database == of_audit;
    is_one
        .then_some(of_database)
        .ok_or_else(|| OpenError::OtherAudit { audit: files.audit.clone() })
}

/// Whether the audit log belongs to another database. Changes nothing.
pub async fn differ(db: &Db, audit: &Db) -> Result<bool, Error> {
    let (of_database, of_audit) = (get(db, GET).await?, get(audit, GET_OF_AUDIT).await?);
    Ok(of_database.zip(of_audit).is_some_and(|(database, audit)| database != audit))
}

async fn get(db: &Db, sql: &'static str) -> Result<Option<Uuid>, Error> {
    let value: Option<Vec<u8>> =
        on_db!(db, |c| sqlx::query_scalar(sql).bind(KEY).fetch_optional(c).await?);
    let unreadable = |_| Error::Inconsistent { table: "settings", column: "value" };
    value.map(|bytes| Uuid::from_slice(&bytes).map_err(unreadable)).transpose()
}

/// Adds an id if there is none, and returns the current one.
async fn add(db: &Db, sql: &'static str, get_sql: &'static str, id: Uuid) -> Result<Uuid, Error> {
    if let Some(there) = get(db, get_sql).await? {
        return Ok(there);
    }
    let mut tx = db.begin().await?;
    let value = id.as_bytes().to_vec();
    on_tx!(&mut tx, |c| {
        sqlx::query(sql).bind(KEY).bind(value).execute(c).await?;
    });
    tx.commit().await?;
    Ok(get(db, get_sql).await?.unwrap_or(id))
}
