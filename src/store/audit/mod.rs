//! Who looked: a row for each call, kept before its answer goes out, and seals that show whether
//! somebody has changed the rows.

mod list;
mod log;
mod outside;
mod seal;
mod verify;

pub(super) use log::Auditor;
pub use outside::SealsFile;
pub use verify::Verified;

use uuid::Uuid;

use super::bulk::{Column, Table};
use crate::model::{Access, KeptAccess, Seal};

static AUDIT_LOG: Table = Table {
    name: "audit_log",
    columns: &[
        "access_id",
        "at",
        "caller",
        "actor",
        "purpose",
        "call",
        "data",
        "code",
        "customers",
        "case_id",
    ],
};

static AUDIT_LOOKS: Table =
    Table { name: "audit_looks", columns: &["customer_id", "at", "access_id"] };

/// All statements of this folder, with a name, for the test that prepares them.
pub(super) const TEXTS: [(&str, &str); 9] = [
    ("audit.looks", list::LOOKS),
    ("audit.rows", seal::ROWS),
    ("audit.last_seal", seal::LAST),
    ("audit.set_head", seal::SET_HEAD),
    ("audit.close_head", seal::CLOSE_HEAD),
    ("audit.open_heads", seal::OPEN_HEADS),
    ("audit.seals", seal::SEALS),
    ("audit.all_heads", verify::HEADS),
    ("audit.all_looks", verify::LOOKS),
];

fn log_columns(rows: &[KeptAccess]) -> Vec<Column> {
    let texts = |text: fn(&Access) -> &String| {
        Column::Texts(rows.iter().map(|row| text(&row.access).clone()).collect())
    };
    let customers = |row: &KeptAccess| {
        row.access.customers.iter().flat_map(|id| *id.as_bytes()).collect::<Vec<u8>>()
    };
    vec![
        Column::Ids(rows.iter().map(|row| row.id).collect()),
        Column::Integers(rows.iter().map(|row| row.access.at).collect()),
        texts(|access| &access.caller),
        texts(|access| &access.actor),
        texts(|access| &access.purpose),
        texts(|access| &access.call),
        texts(|access| &access.data),
        Column::Integers(rows.iter().map(|row| row.access.code.into()).collect()),
        Column::Bytes(rows.iter().map(customers).collect()),
        Column::OptionalIds(rows.iter().map(|row| row.access.case_id).collect()),
    ]
}

fn looks_columns(rows: &[KeptAccess]) -> Vec<Column> {
    let looks: Vec<_> = rows
        .iter()
        .flat_map(|row| row.access.customers.iter().map(|id| (*id, row.access.at, row.id)))
        .collect();
    vec![
        Column::Ids(looks.iter().map(|look| look.0).collect()),
        Column::Integers(looks.iter().map(|look| look.1).collect()),
        Column::Ids(looks.iter().map(|look| look.2).collect()),
    ]
}

/// A row of `audit_log`.
type LogRow = (Uuid, i64, String, String, String, String, String, i64, Vec<u8>, Option<Uuid>);

fn kept(
    (id, at, caller, actor, purpose, call, data, code, customers, case_id): LogRow,
) -> KeptAccess {
    // What does not fit was put there by somebody else, and does not fit its hash.
    let customers = customers.chunks(16).map(|id| Uuid::from_slice(id).unwrap_or(Uuid::max()));
    let customers = customers.collect();
    let code = i32::try_from(code).unwrap_or(i32::MAX);
    KeptAccess {
        id,
        access: Access { at, caller, actor, purpose, call, data, code, customers, case_id },
    }
}

/// A row of `audit_seals`.
type SealRow = (i64, i64, i64, Vec<u8>, i64, Vec<u8>);

fn sealed((number, log, sealed, hash, sealed_at, chain): SealRow) -> Seal {
    Seal { number, log, sealed, hash: digest(&hash), sealed_at, chain: digest(&chain) }
}

/// A hash as it is kept. One of another length was put there by somebody else, and fits nothing.
fn digest(bytes: &[u8]) -> [u8; 32] {
    bytes.try_into().unwrap_or([0xff; 32])
}
