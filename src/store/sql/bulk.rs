//! Writes the rows of a batch. PostgreSQL takes each column as an array, so that one statement
//! serves any number of rows, and all tables in one statement, so that a batch costs one round
//! trip. SQLite runs in the process and takes a list of rows for each table.

use std::{fmt::Write as _, mem};

use sqlx::{
    AssertSqlSafe, PgConnection, Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments,
};
use uuid::Uuid;

use super::{
    db::{Db, Tx, on},
    dialect::SET_REVISIONS,
};
use crate::error::Error;

/// How many rows one SQLite statement inserts at most; each smaller number has its own statement,
/// which stays prepared.
pub const ROWS: usize = 64;

/// A table with the inserted columns, in the order of the values.
#[derive(Debug)]
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
}

/// The values of a column, one for each row.
#[derive(Debug)]
pub enum Column {
    Ids(Vec<Uuid>),
    OptionalIds(Vec<Option<Uuid>>),
    Integers(Vec<i64>),
    OptionalIntegers(Vec<Option<i64>>),
    Texts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
    Booleans(Vec<bool>),
}

impl Column {
    pub fn len(&self) -> usize {
        match self {
            Self::Ids(values) => values.len(),
            Self::OptionalIds(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::OptionalIntegers(values) => values.len(),
            Self::Texts(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Booleans(values) => values.len(),
        }
    }
}

/// Rows of a table.
#[derive(Debug)]
struct Insert {
    table: &'static Table,
    columns: Vec<Column>,
    /// Whether rows may exist, which are then left unchanged.
    may_exist: bool,
}

/// The writes of a transaction.
#[derive(Debug, Default)]
pub struct Batch {
    inserts: Vec<Insert>,
    /// Locked customers with their new revisions.
    revisions: (Vec<Uuid>, Vec<i64>),
}

impl Batch {
    /// Inserts rows, none of which may exist.
    pub fn insert(&mut self, table: &'static Table, columns: Vec<Column>) {
        self.add(table, columns, false);
    }

    /// Inserts the rows that do not exist.
    pub fn insert_missing(&mut self, table: &'static Table, columns: Vec<Column>) {
        self.add(table, columns, true);
    }

    fn add(&mut self, table: &'static Table, columns: Vec<Column>, may_exist: bool) {
        let rows = columns.first().map_or(0, Column::len);
        debug_assert_eq!(columns.len(), table.columns.len());
        debug_assert!(columns.iter().all(|column| column.len() == rows));
        if rows > 0 {
            self.inserts.push(Insert { table, columns, may_exist });
        }
    }

    /// Sets the revision of a locked customer.
    pub fn set_revision(&mut self, customer_id: Uuid, revision: i64) {
        self.revisions.0.push(customer_id);
        self.revisions.1.push(revision);
    }

    pub async fn write(self, tx: &mut Tx) -> Result<(), Error> {
        if self.inserts.is_empty() && self.revisions.0.is_empty() {
            return Ok(());
        }
        match tx {
            Tx::Postgres(tx) => on!(*tx, |c| self.write_postgres(c).await?),
            Tx::Sqlite(tx) => on!(*tx, |c| self.write_sqlite(c).await?),
        }
        Ok(())
    }

    /// Writes in a separate transaction, on PostgreSQL with one message. Only for keys that nobody
    /// else creates: rows beside one whose key is taken are still written.
    pub async fn write_alone(self, db: &Db) -> Result<(), Error> {
        match db {
            Db::Postgres(pool) => {
                on!(pool.acquire().await?.writing(), |c| self.write_postgres(c).await?);
                Ok(())
            }
            Db::Sqlite { .. } => {
                let mut tx = db.begin().await?;
                self.write(&mut tx).await?;
                tx.commit().await
            }
        }
    }

    /// One statement for everything. Its parts do not see each other's rows and need not. A row
    /// whose key another server took first is skipped and missing in the count: a violation would
    /// write its values to the log of PostgreSQL.
    async fn write_postgres(self, connection: &mut PgConnection) -> Result<(), Error> {
        let mut text = format!("with revisions as ({})", SET_REVISIONS.postgres);
        let mut next = 3;
        for Insert { table, columns, .. } in &self.inserts {
            let _ =
                write!(text, ", {0}_rows as ({1} select * from unnest(", table.name, head(table));
            placeholders(&mut text, next, columns.len());
            text.push_str(") on conflict do nothing returning 1)");
            next += columns.len();
        }
        let counted = || self.inserts.iter().filter(|insert| !insert.may_exist);
        text.push_str(" select cast(0");
        for insert in counted() {
            let _ = write!(text, " + (select count(*) from {}_rows)", insert.table.name);
        }
        text.push_str(" as bigint)");
        let rows: usize = counted().map(|insert| insert.columns[0].len()).sum();

        let mut query =
            sqlx::query_scalar(AssertSqlSafe(text)).bind(self.revisions.0).bind(self.revisions.1);
        for column in self.inserts.into_iter().flat_map(|insert| insert.columns) {
            query = match column {
                Column::Ids(values) => query.bind(values),
                Column::OptionalIds(values) => query.bind(values),
                Column::Integers(values) => query.bind(values),
                Column::OptionalIntegers(values) => query.bind(values),
                Column::Texts(values) => query.bind(values),
                Column::Bytes(values) => query.bind(values),
                Column::Booleans(values) => query.bind(values),
            };
        }
        let inserted: i64 = query.fetch_one(connection).await?;
        if usize::try_from(inserted) == Ok(rows) { Ok(()) } else { Err(Error::Conflict) }
    }

    async fn write_sqlite(self, connection: &mut SqliteConnection) -> Result<(), Error> {
        if !self.revisions.0.is_empty() {
            let ids = self.revisions.0.iter().map(|id| id.simple().to_string());
            let list: Vec<_> = ids.zip(&self.revisions.1).collect();
            let list = serde_json::json!(list).to_string();
            sqlx::query(SET_REVISIONS.sqlite).bind(list).execute(&mut *connection).await?;
        }
        for Insert { table, mut columns, may_exist } in self.inserts {
            let rows = columns.first().map_or(0, Column::len);
            let mut first = 0;
            while first < rows {
                let size = sqlite_rows(rows - first, may_exist);
                let mut query = sqlx::query(AssertSqlSafe(sqlite_text(table, size, may_exist)));
                for row in first..first + size {
                    for column in &mut columns {
                        query = bind_one(query, column, row);
                    }
                }
                query.execute(&mut *connection).await?;
                first += size;
            }
        }
        Ok(())
    }
}

/// How many of the remaining rows the next statement inserts. Tables whose rows may exist use few
/// different statements, so that those of the other tables stay prepared.
fn sqlite_rows(left: usize, may_exist: bool) -> usize {
    match left {
        ROWS.. => ROWS,
        8.. if may_exist => 8,
        _ if may_exist => 1,
        _ => left,
    }
}

type SqliteQuery<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Moves the value of one row out of its column.
fn bind_one<'q>(query: SqliteQuery<'q>, column: &mut Column, row: usize) -> SqliteQuery<'q> {
    match column {
        Column::Ids(values) => query.bind(values[row]),
        Column::OptionalIds(values) => query.bind(values[row]),
        Column::Integers(values) => query.bind(values[row]),
        Column::OptionalIntegers(values) => query.bind(values[row]),
        Column::Texts(values) => query.bind(mem::take(&mut values[row])),
        Column::Bytes(values) => query.bind(mem::take(&mut values[row])),
        Column::Booleans(values) => query.bind(values[row]),
    }
}

fn sqlite_text(table: &Table, rows: usize, may_exist: bool) -> String {
    let mut text = head(table);
    text.push_str(" values ");
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        placeholders(&mut text, row * table.columns.len() + 1, table.columns.len());
        text.push(')');
    }
    if may_exist {
        text.push_str(" on conflict do nothing");
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
