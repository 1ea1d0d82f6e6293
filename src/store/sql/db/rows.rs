//! Rows and lists, as both databases take and return them.

use sqlx::{FromRow, postgres::PgRow, sqlite::SqliteRow};
use uuid::Uuid;

/// A row type that both databases can decode.
pub trait Row: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

impl<T> Row for T
where
    T: for<'r> FromRow<'r, SqliteRow> + Send + Unpin,
    T: for<'r> FromRow<'r, PgRow>,
{
}

/// A list for SQLite, which has no arrays: JSON.
pub fn json<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<serde_json::Value> = rows
        .map(|row| serde_json::Value::Array(row.into_iter().map(Into::into).collect()))
        .collect();
    serde_json::Value::Array(rows).to_string()
}

/// A list of ids for SQLite.
pub fn id_list(ids: &[Uuid]) -> String {
    json(ids.iter().map(|id| [id.simple().to_string()]))
}
