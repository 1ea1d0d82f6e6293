//! Opens a database by its URL.

use super::{Db, Observers, postgres, sqlite};
use crate::{error::Error, store::opening::OpenError};

impl Db {
    /// Opens `sqlite:FILE` or `postgres://...` with at most so many connections.
    pub async fn open(
        url: &str,
        connections: u32,
        observers: &Observers,
    ) -> Result<Self, OpenError> {
        if let Some(file) = url.strip_prefix("sqlite:") {
            let file = file.strip_prefix("//").unwrap_or(file);
            Ok(sqlite::open(file, connections, observers).await?)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres::open(url, connections, observers).await
        } else {
            Err(Error::invalid("database", "must begin with sqlite: or postgres://").into())
        }
    }
}
