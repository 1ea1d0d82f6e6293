//! How a database is inspected.

use std::time::Duration;

use crate::{
    clock::Clock,
    error::Error,
    model::Seal,
    store::{
        opening::Opening,
        sql::{
            db::{Db, on_db},
            dialect::HAS_TABLE,
        },
    },
};

/// The time limit for reaching the database and its answers, except for the check of its pages.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// The connections of an inspection.
pub const CONNECTIONS: u32 = 1;

/// The options of an inspection.
#[derive(Clone, Debug)]
pub struct Inspecting {
    pub clock: Clock,
    pub opening: Opening,
    /// How long the pages of each SQLite file may be checked. None: they are not.
    pub page_check: Option<Duration>,
    /// A seal outside of the database to look for.
    pub outside_seal: Option<Seal>,
}

pub async fn has_table(db: &Db, name: &str) -> Result<bool, Error> {
    let text = HAS_TABLE.on(db.kind());
    Ok(on_db!(db, |c| sqlx::query_scalar(text).bind(name).fetch_one(c).await?))
}
