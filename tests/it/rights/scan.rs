//! The tables of a database according to its own catalogue, and their rows, read directly.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

use crate::support::Database;

const SQLITE_COLUMNS: &str = "select m.name, p.name from sqlite_schema m \
    join pragma_table_info(m.name) p where m.type = 'table' \
    and m.name not glob 'entry_words_*' and m.name not glob 'sqlite_*' \
    union select m.name, p.name from audit.sqlite_schema m \
    join pragma_table_info(m.name, 'audit') p where m.type = 'table'";
const POSTGRES_COLUMNS: &str = "select table_name::text, column_name::text \
    from information_schema.columns where table_schema = 'public'";

/// A row by its columns; bytes and ids in hexadecimal.
pub type Row = Map<String, Value>;

pub enum Scan {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Scan {
    pub async fn of(database: &Database) -> Self {
        match database.url.starts_with("sqlite:") {
            true => Self::Sqlite(database.connect_sqlite().await),
            false => Self::Postgres(PgConnection::connect(&database.url).await.unwrap()),
        }
    }

    /// Every table with its columns.
    pub async fn catalogue(&mut self) -> BTreeMap<String, Vec<String>> {
        let rows: Vec<(String, String)> = match self {
            Self::Sqlite(c) => sqlx::query_as(SQLITE_COLUMNS).fetch_all(c).await.unwrap(),
            Self::Postgres(c) => sqlx::query_as(POSTGRES_COLUMNS).fetch_all(c).await.unwrap(),
        };
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in rows {
            tables.entry(table).or_default().push(column);
        }
        tables
    }

    /// All rows of a table.
    pub async fn rows(&mut self, table: &str, columns: &[String]) -> Vec<Row> {
        let texts: Vec<String> = match self {
            Self::Sqlite(c) => {
                let cell = |it: &String| {
                    format!("'{it}', case typeof({it}) when 'blob' then hex({it}) else {it} end")
                };
                let cells: Vec<String> = columns.iter().map(cell).collect();
                let query = format!("select json_object({}) from {table}", cells.join(", "));
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(c).await.unwrap()
            }
            Self::Postgres(c) => {
                let query = format!("select to_jsonb(t)::text from {table} t");
                sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(c).await.unwrap()
            }
        };
        texts.iter().map(|text| serde_json::from_str(text).unwrap()).collect()
    }
}

/// The digits of an id or of bytes, in either database's notation.
pub fn hex(text: &str) -> String {
    text.trim_start_matches("\\x").replace('-', "").to_lowercase()
}
