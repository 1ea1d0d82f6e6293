//! The last backup, as the database remembers it.

use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    model::Micros,
    store::sql::{
        attempt::{attempt, lost},
        db::{Db, on_db, on_tx},
        settings,
    },
};

const KEY: &str = "last_backup";

/// A completed backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastBackup {
    /// Microseconds since 1970 UTC.
    pub at: Micros,
    pub folder: String,
}

/// The last backup of a database with settings; None if it knows of none.
pub async fn last_backup(db: &Db) -> Result<Option<LastBackup>, Error> {
    let value: Option<Vec<u8>> =
        on_db!(db, |c| { sqlx::query_scalar(settings::GET).bind(KEY).fetch_optional(c).await? });
    // A format of a newer version is ignored.
    Ok(value.and_then(|value| serde_json::from_slice(&value).ok()))
}

pub async fn set(db: &Db, last: &LastBackup) -> Result<(), Error> {
    let unwritable = |_| Error::Internal("a backup that is no JSON".to_owned());
    let value = serde_json::to_vec(last).map_err(unwritable)?;
    let db = db.clone();
    attempt(move || {
        let (db, value) = (db.clone(), value.clone());
        async move {
            let mut tx = db.begin().await?;
            on_tx!(&mut tx, |c| {
                sqlx::query(settings::SET).bind(KEY).bind(value).execute(c).await?;
            });
            tx.commit().await
        }
    })
    .await
    .map_err(lost)
}
