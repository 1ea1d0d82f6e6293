//! Decodes rows of an export.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sqlx::{ColumnIndex, Database, Decode, Type};
use uuid::Uuid;

use super::part::{ColumnType, Part};
use crate::error::Error;

/// A value of a sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Id(Uuid),
    Number(i64),
    Text(String),
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    pub table: &'static str,
    /// The record that it belongs to.
    pub record: Uuid,
    /// Its columns by name.
    pub columns: Map<String, Value>,
    /// A stored entry, as in a page of a timeline.
    pub entry: Option<Vec<u8>>,
}

/// A decoded row.
#[derive(Debug)]
pub(super) struct Row {
    pub key: Vec<Key>,
    /// The records that it names, if several columns do.
    pub sides: Vec<Uuid>,
    columns: Map<String, Value>,
    entry: Option<Vec<u8>>,
}

impl Row {
    pub fn exported(self, table: &'static str, record: Uuid) -> Exported {
        Exported { table, record, columns: self.columns, entry: self.entry }
    }
}

/// Decodes a row of a table.
pub(super) fn read<R>(row: &R, part: &Part) -> Result<Row, Error>
where
    R: sqlx::Row,
    usize: ColumnIndex<R>,
    for<'a> Uuid: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> i64: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> bool: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> String: Decode<'a, R::Database> + Type<R::Database>,
    for<'a> Vec<u8>: Decode<'a, R::Database> + Type<R::Database>,
    R::Database: Database,
{
    let mut read = Row { key: Vec::new(), sides: Vec::new(), columns: Map::new(), entry: None };
    for (index, (name, column_type)) in part.columns.iter().enumerate() {
        let value = match column_type {
            ColumnType::Id => {
                let id: Option<Uuid> = row.try_get(index)?;
                if part.sides.contains(&index) {
                    read.sides.extend(id);
                }
                if part.key.contains(&index) {
                    read.key.extend(id.map(Key::Id));
                }
                id.map(|id| id.to_string().into())
            }
            ColumnType::Number | ColumnType::Time => {
                let number: Option<i64> = row.try_get(index)?;
                if part.key.contains(&index) {
                    read.key.extend(number.map(Key::Number));
                }
                number.map(|it| if *column_type == ColumnType::Time { time(it) } else { it.into() })
            }
            ColumnType::Text => {
                let text: Option<String> = row.try_get(index)?;
                if part.key.contains(&index) {
                    read.key.extend(text.clone().map(Key::Text));
                }
                text.map(Value::from)
            }
            ColumnType::Flag => row.try_get::<Option<bool>, _>(index)?.map(Value::from),
            ColumnType::Json => {
                let text: String = row.try_get(index)?;
                let value = serde_json::from_str(&text);
                let unreadable = Error::Inconsistent { table: part.table, column: name };
                let mut value = value.map_err(|_| unreadable)?;
                show_times(&mut value);
                Some(value)
            }
            ColumnType::Payload => {
                read.entry = row.try_get(index)?;
                continue;
            }
        };
        read.columns.insert((*name).to_owned(), value.unwrap_or(Value::Null));
    }
    Ok(read)
}

/// A point in time in RFC 3339.
pub(super) fn time(micros: i64) -> Value {
    // A time outside of the calendar cannot have been recorded.
    Timestamp::from_microsecond(micros).map_or(micros.into(), |time| time.to_string().into())
}

/// Converts times in JSON, which are recognised by their names.
fn show_times(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(show_times),
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_time = name == "at" || name.ends_with("_at") || name.ends_with("_until");
                match value.as_i64().filter(|_| is_time) {
                    Some(micros) => *value = time(micros),
                    None => show_times(value),
                }
            }
        }
        _ => {}
    }
}
