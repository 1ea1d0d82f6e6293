//! Earlier writes by their idempotency keys.

use std::collections::HashMap;

use uuid::Uuid;

use super::writes::IdempotencyRow;
use crate::{
    error::Error,
    store::sql::{
        bulk::{Batch, Column, Table},
        db::Tx,
        dialect,
    },
};

static IDEMPOTENCY_KEYS: Table = Table {
    name: "idempotency_keys",
    columns: &[
        "scope",
        "name",
        "customer_id",
        "entry_id",
        "revision",
        "recorded_at",
        "customer_created",
        "body",
    ],
};

/// The earlier writes with these idempotency keys.
pub async fn find_writes(
    tx: &mut Tx,
    names: &[(String, String)],
) -> Result<HashMap<(String, String), IdempotencyRow>, Error> {
    type Row = (String, String, Vec<u8>, Uuid, Option<Uuid>, i64, i64, bool);
    let rows: Vec<Row> = tx.by_pairs(dialect::IDEMPOTENCY_ROWS, names).await?;
    let rows = rows.into_iter().map(
        |(scope, name, body, customer_id, entry_id, revision, recorded_at, customer_created)| {
            let row = IdempotencyRow {
                body,
                customer_id,
                entry_id,
                revision,
                recorded_at,
                customer_created,
            };
            ((scope, name), row)
        },
    );
    Ok(rows.collect())
}

/// Adds idempotency keys, sorted, so that two servers that add the same ones never deadlock.
pub fn add_idempotency_keys(batch: &mut Batch, mut keys: Vec<((String, String), IdempotencyRow)>) {
    keys.sort_by(|one, other| one.0.cmp(&other.0));
    let (names, rows): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let (scopes, names): (Vec<String>, Vec<String>) = names.into_iter().unzip();
    let columns = vec![
        Column::Texts(scopes),
        Column::Texts(names),
        Column::Ids(rows.iter().map(|row| row.customer_id).collect()),
        Column::OptionalIds(rows.iter().map(|row| row.entry_id).collect()),
        Column::Integers(rows.iter().map(|row| row.revision).collect()),
        Column::Integers(rows.iter().map(|row| row.recorded_at).collect()),
        Column::Booleans(rows.iter().map(|row| row.customer_created).collect()),
        Column::Bytes(rows.into_iter().map(|row| row.body).collect()),
    ];
    batch.insert(&IDEMPOTENCY_KEYS, columns);
}
