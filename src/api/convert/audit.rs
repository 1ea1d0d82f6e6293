//! Audit entries, converted to the contract.

use crate::{
    api::{access, purpose},
    model::{AuditEntry, StoredAuditEntry},
    pb,
};

/// An audit entry.
pub fn audit_entry(kept: StoredAuditEntry) -> pb::AuditEntry {
    let StoredAuditEntry { id, access } = kept;
    let AuditEntry { at, caller, actor, purpose, call, data, code, customers, case_id } = access;
    let data = access::data_class(&data);
    pb::AuditEntry {
        id: id.to_string(),
        at: Some(pb::timestamp(at)),
        caller,
        actor,
        purpose: purpose::of_word(&purpose).unwrap_or_default().into(),
        call,
        data: data.unwrap_or_default().into(),
        code,
        case_id: case_id.map(|id| id.to_string()).unwrap_or_default(),
        customer_count: i32::try_from(customers.len()).unwrap_or(i32::MAX),
    }
}
