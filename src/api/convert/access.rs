//! Who looked, as the contract has it.

use crate::{
    api::{access, purpose},
    model::{Access, KeptAccess},
    pb,
};

/// An access.
pub fn kept_access(kept: KeptAccess) -> pb::CustomerAccess {
    let KeptAccess { id, access } = kept;
    let Access { at, caller, actor, purpose, call, data, code, customers, case_id } = access;
    let data = access::data_class(&data);
    pb::CustomerAccess {
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
