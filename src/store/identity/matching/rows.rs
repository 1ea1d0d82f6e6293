//! Statements over lists: PostgreSQL takes each column as an array, SQLite all rows as a JSON list
//! with hexadecimal ids and bytes.

use serde_json::Value;

use crate::{
    error::Error,
    store::sql::{
        bulk::Column,
        db::{Db, Tx, on, rows::Row},
        statement::Twin,
    },
};

/// Binds the columns as arrays.
macro_rules! bind_arrays {
    ($query:expr, $columns:expr) => {
        $columns.into_iter().fold($query, |query, column| match column {
            Column::Ids(values) => query.bind(values),
            Column::OptionalIds(values) => query.bind(values),
            Column::Integers(values) => query.bind(values),
            Column::OptionalIntegers(values) => query.bind(values),
            Column::Texts(values) => query.bind(values),
            Column::Bytes(values) => query.bind(values),
            Column::Booleans(values) => query.bind(values),
        })
    };
}

impl Db {
    /// The rows that a statement returns for lists.
    pub async fn list<T: Row>(&self, sql: Twin, columns: Vec<Column>) -> Result<Vec<T>, Error> {
        if columns[0].len() == 0 {
            return Ok(Vec::new());
        }
        Ok(match self {
            Self::Sqlite { read, .. } => {
                let query = sqlx::query_as(sql.sqlite).bind(json_rows(&columns));
                on!(read.acquire().await?, |c| query.fetch_all(c).await?)
            }
            Self::Postgres(pool) => {
                let query = bind_arrays!(sqlx::query_as(sql.postgres), columns);
                on!(pool.acquire().await?, |c| query.fetch_all(c).await?)
            }
        })
    }
}

impl Tx {
    /// Runs a statement over lists. Returns the number of rows written.
    pub async fn apply(&mut self, sql: Twin, columns: Vec<Column>) -> Result<i64, Error> {
        if columns[0].len() == 0 {
            return Ok(0);
        }
        let rows = match self {
            Self::Sqlite(tx) => {
                let query = sqlx::query(sql.sqlite).bind(json_rows(&columns));
                on!(*tx, |c| query.execute(c).await?).rows_affected()
            }
            Self::Postgres(tx) => {
                let query = bind_arrays!(sqlx::query(sql.postgres), columns);
                on!(*tx, |c| query.execute(c).await?).rows_affected()
            }
        };
        Ok(i64::try_from(rows).unwrap_or(i64::MAX))
    }
}

fn json_rows(columns: &[Column]) -> String {
    let rows = (0..columns[0].len())
        .map(|row| Value::Array(columns.iter().map(|column| cell(column, row)).collect()));
    Value::Array(rows.collect()).to_string()
}

fn cell(column: &Column, row: usize) -> Value {
    match column {
        Column::Ids(values) => values[row].simple().to_string().into(),
        Column::OptionalIds(values) => values[row].map(|id| id.simple().to_string()).into(),
        Column::Integers(values) => values[row].into(),
        Column::OptionalIntegers(values) => values[row].into(),
        Column::Texts(values) => values[row].as_str().into(),
        Column::Bytes(values) => hexadecimal(&values[row]).into(),
        Column::Booleans(values) => i64::from(values[row]).into(),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
