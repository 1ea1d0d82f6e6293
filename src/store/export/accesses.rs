//! Who looked, as the last of an export.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Export, Exported, row::time};
use crate::{
    error::Error,
    model::{Access, KeptAccess, Position},
};

/// How many are read at once.
const ROWS: usize = 200;

impl Export {
    /// The next accesses to the record at hand, the last one first.
    pub(super) async fn accesses(&mut self) -> Result<Option<Vec<Exported>>, Error> {
        let Some(record) = self.records.get(self.record).copied() else {
            return self.finish().await;
        };
        let accesses = self.store.accesses_to(record, self.after, ROWS).await?;
        let position =
            |kept: &KeptAccess| Position { occurred_at: kept.access.at, entry_id: kept.id };
        self.after = accesses.last().map(position);
        if self.after.is_none() {
            self.record += 1;
        }
        Ok(Some(accesses.into_iter().map(|kept| exported(kept, record)).collect()))
    }
}

/// An access as a row. Of whom else the call has told is theirs.
fn exported(KeptAccess { id, access }: KeptAccess, record: Uuid) -> Exported {
    let Access { at, caller, actor, purpose, call, data, code, customers: _, case_id } = access;
    let columns: Map<String, Value> = [
        ("at", time(at)),
        ("access_id", json!(id)),
        ("caller", json!(caller)),
        ("actor", json!(actor)),
        ("purpose", json!(purpose)),
        ("call", json!(call)),
        ("data", json!(data)),
        ("code", json!(code)),
        ("case_id", json!(case_id)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    Exported { table: "audit_log", record, columns, entry: None }
}
