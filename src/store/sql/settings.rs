//! Settings that all servers of a database share.

use super::db::{on_db, on_tx};
use crate::{error::Error, store::Store};

pub const GET: &str = "select value from settings where name = $1";
pub const ADD: &str =
    "insert into settings (name, value) values ($1, $2) on conflict (name) do nothing";
pub const SET: &str = "insert into settings (name, value) values ($1, $2) \
    on conflict (name) do update set value = excluded.value";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 3] =
    [("settings.get", GET), ("settings.add", ADD), ("settings.set", SET)];

const PAGE_KEY: &str = "page_token_key";

impl Store {
    /// The key that signs page tokens, created once per database.
    pub(in crate::store) async fn load_page_key(&self) -> Result<Vec<u8>, Error> {
        let mut tx = self.db.begin().await?;
        let new = self.clock.new_key().to_vec();
        on_tx!(&mut tx, |c| {
            sqlx::query(ADD).bind(PAGE_KEY).bind(new).execute(c).await?;
        });
        tx.commit().await?;
        Ok(on_db!(&self.db, |c| sqlx::query_scalar(GET).bind(PAGE_KEY).fetch_one(c).await?))
    }
}
