//! The audit log in an export, as its last part.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Export, Exported, row::time};
use crate::{
    error::Error,
    model::{AuditEntry, Position, StoredAuditEntry},
};

/// How many entries are read at once.
const ROWS: usize = 200;

impl Export {
    /// The next audit entries of the current record, the newest first.
    pub(super) async fn audit(&mut self) -> Result<Option<Vec<Exported>>, Error> {
        let Some(record) = self.records.get(self.record).copied() else {
            return self.finish().await;
        };
        let entries = self.store.audit_entries_of(record, self.after, ROWS).await?;
        let position =
            |kept: &StoredAuditEntry| Position { occurred_at: kept.access.at, entry_id: kept.id };
        self.after = entries.last().map(position);
        if self.after.is_none() {
            self.record += 1;
        }
        Ok(Some(entries.into_iter().map(|kept| exported(kept, record)).collect()))
    }
}

/// An audit entry as a row. Other customers of the call are left out.
fn exported(StoredAuditEntry { id, access }: StoredAuditEntry, record: Uuid) -> Exported {
    let AuditEntry { at, caller, actor, purpose, call, data, code, customers: _, case_id } = access;
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
