//! Exports all data of a person row by row: each table in pages after a key, so that a slow reader
//! blocks nothing, and only a page is in memory.

mod audit;
pub mod part;
mod parts;
mod row;

use uuid::Uuid;

use crate::{
    error::Error,
    model::Position,
    store::{Store, sql::db::on_db},
};
use part::{ColumnType, Part};
use parts::PARTS;
use row::{Key, read};

pub use row::Exported;

/// An export in progress.
#[derive(Debug)]
pub struct Export {
    store: Store,
    /// The canonical one first.
    records: Vec<Uuid>,
    /// The next table and record, and the key after which to continue.
    part: usize,
    record: usize,
    behind: Vec<Key>,
    /// The last exported audit entry, once all tables were exported.
    after: Option<Position>,
}

/// All statements by name, for the test that prepares them.
pub fn statements() -> impl Iterator<Item = (&'static str, String)> {
    PARTS.iter().map(|part| (part.table, part.text.to_owned()))
}

impl Store {
    /// Begins the export of a customer, whether restricted or not.
    pub async fn export(&self, customer_id: Uuid) -> Result<Export, Error> {
        let records = self.records_even_restricted(customer_id).await?;
        let behind = PARTS[0].begin();
        Ok(Export { store: self.clone(), records, part: 0, record: 0, behind, after: None })
    }
}

impl Export {
    /// The records of the person, the canonical one first.
    pub fn records(&self) -> &[Uuid] {
        &self.records
    }

    /// The next rows; None at the end. A page may be empty.
    pub async fn page(&mut self) -> Result<Option<Vec<Exported>>, Error> {
        let Some(part) = PARTS.get(self.part) else {
            return self.audit().await;
        };
        let record = self.records[self.record];
        let limit = part.rows;
        let rows: Vec<row::Row> = on_db!(&self.store.db, |c| {
            let mut query = sqlx::query(part.text).bind(record);
            for key in &self.behind {
                query = match key {
                    Key::Id(id) => query.bind(*id),
                    Key::Number(number) => query.bind(*number),
                    Key::Text(text) => query.bind(text.clone()),
                };
            }
            let rows = query.bind(limit).fetch_all(c).await?;
            rows.iter().map(|row| read(row, part)).collect::<Result<_, Error>>()?
        });
        match rows.last() {
            Some(last) => self.behind.clone_from(&last.key),
            None => self.go_on(),
        }
        let is_first = |sides: &[Uuid]| {
            let mut earlier = self.records[..self.record].iter();
            sides.is_empty() || !earlier.any(|record| sides.contains(record))
        };
        let own = rows.into_iter().filter(|row| is_first(&row.sides));
        Ok(Some(own.map(|row| row.exported(part.table, record)).collect()))
    }

    /// Continues with the next record, or with the next table.
    fn go_on(&mut self) {
        self.record += 1;
        if self.record == self.records.len() {
            self.record = 0;
            self.part += 1;
        }
        self.behind = PARTS.get(self.part).map(Part::begin).unwrap_or_default();
    }

    /// Ends the export, if the records are still those of the person.
    async fn finish(&self) -> Result<Option<Vec<Exported>>, Error> {
        if self.store.records_even_restricted(self.records[0]).await? == self.records {
            return Ok(None);
        }
        Err(Error::Unavailable("a customer was merged or unmerged during an export".to_owned()))
    }
}

impl Part {
    /// A key before all others.
    fn begin(&self) -> Vec<Key> {
        let first = |column: &usize| match self.columns[*column].1 {
            ColumnType::Id => Key::Id(Uuid::nil()),
            ColumnType::Text => Key::Text(String::new()),
            _ => Key::Number(i64::MIN),
        };
        self.key.iter().map(first).collect()
    }
}
