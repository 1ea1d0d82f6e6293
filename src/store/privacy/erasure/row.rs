//! Rows of erasures.

use uuid::Uuid;

use crate::{
    error::Error,
    model::{Erasure, Micros},
};

pub type Row = (Uuid, Micros, String, String);

/// An erasure from its row.
pub fn erasure((id, erased_at, records, removed): Row) -> Result<Erasure, Error> {
    let unreadable = |column| Error::Inconsistent { table: "erasures", column };
    Ok(Erasure {
        id,
        erased_at,
        records: serde_json::from_str(&records).map_err(|_| unreadable("records"))?,
        removed: serde_json::from_str(&removed).map_err(|_| unreadable("removed"))?,
    })
}
