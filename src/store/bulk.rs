//! Inserts many rows of one table: PostgreSQL takes a column as an array, so that one statement
//! serves any number of rows; SQLite takes a list of rows, in a few sizes that stay prepared.

use std::{fmt::Write as _, mem};

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments};
use uuid::Uuid;

use super::db::Tx;
use crate::error::Error;

/// How many rows one statement of SQLite inserts.
const SIZES: [usize; 3] = [64, 8, 1];

/// A table and the columns that are inserted, in the order of the values.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

/// The values of one column, one for each row.
#[derive(Debug)]
pub enum Column {
    Ids(Vec<Uuid>),
    OptionalIds(Vec<Option<Uuid>>),
    Integers(Vec<i64>),
    Texts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Booleans(Vec<bool>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Ids(values) => values.len(),
            Self::OptionalIds(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Booleans(values) => values.len(),
        }
    }
}

/// Inserts the rows; none of them may exist.
pub async fn insert(tx: &mut Tx, table: &Table, mut columns: Vec<Column>) -> Result<(), Error> {
    let rows = columns.first().map_or(0, Column::len);
    debug_assert_eq!(columns.len(), table.columns.len());
    debug_assert!(columns.iter().all(|column| column.len() == rows));
    if rows == 0 {
        return Ok(());
    }
    match tx {
        Tx::Postgres(tx) => {
            let mut query = sqlx::query(AssertSqlSafe(postgres_text(table)));
            for column in columns {
                query = match column {
                    Column::Ids(values) => query.bind(values),
                    Column::OptionalIds(values) => query.bind(values),
                    Column::Integers(values) => query.bind(values),
                    Column::Texts(values) => query.bind(values),
                    Column::Bytes(values) => query.bind(values),
                    Column::Booleans(values) => query.bind(values),
                };
            }
            query.execute(&mut **tx).await?;
        }
        Tx::Sqlite(tx) => {
            let mut done = 0;
            while let Some(size) = SIZES.into_iter().find(|size| *size <= rows - done) {
                let mut query = sqlx::query(AssertSqlSafe(sqlite_text(table, size)));
                for row in done..done + size {
                    for column in &mut columns {
                        query = bind_one(query, column, row);
                    }
                }
                query.execute(&mut **tx).await?;
                done += size;
            }
        }
    }
    Ok(())
}

type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Moves the value of one row out of its column.
fn bind_one<'q>(query: SqliteQuery<'q>, column: &mut Column, row: usize) -> SqliteQuery<'q> {
    match column {
        Column::Ids(values) => query.bind(values[row]),
        Column::OptionalIds(values) => query.bind(values[row]),
        Column::Integers(values) => query.bind(values[row]),
        Column::Texts(values) => query.bind(mem::take(&mut values[row])),
        Column::Bytes(values) => query.bind(mem::take(&mut values[row])),
        Column::Booleans(values) => query.bind(values[row]),
    }
}

fn postgres_text(table: &Table) -> String {
    let mut text = head(table);
    text.push_str(" select * from unnest(");
    placeholders(&mut text, 1, table.columns.len());
    text.push(')');
    text
}

fn sqlite_text(table: &Table, rows: usize) -> String {
    let mut text = head(table);
    text.push_str(" values ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        placeholders(&mut text, row * table.columns.len() + 1, table.columns.len());
        text.push(')');
    }
    text
}

fn head(table: &Table) -> String {
    format!("insert into {} ({})", table.name, table.columns.join(", "))
}

fn placeholders(text: &mut String, first: usize, count: usize) {
    for index in first..first + count {
        let _ = write!(text, "{}${index}", if index == first { "" } else { ", " });
    }
}
