//! Packs many rows into one: a row costs more than an id in it, so the database concatenates the
//! ids of a range, 16 bytes each, and texts with line feeds between them.

use uuid::Uuid;

use crate::{
    error::Error,
    store::sql::{db::Db, dialect::UUID_BYTES, statement::Twin},
};

/// A statement that returns concatenated ids.
pub(super) struct Packed {
    sqlite: String,
    postgres: String,
}

impl Packed {
    /// `text` builds the statement for a database, given how an id is converted to bytes.
    pub(super) fn new(text: impl Fn(&dyn Fn(&str) -> String) -> String) -> Self {
        let of = |bytes: &'static str| move |column: &str| bytes.replace("{}", column);
        let (sqlite, postgres) = (of(UUID_BYTES.sqlite), of(UUID_BYTES.postgres));
        Self { sqlite: text(&sqlite), postgres: text(&postgres) }
    }

    /// A statement that selects an id, named `id`, from a bounded number of rows.
    pub(super) fn ids(rows: &'static str) -> Self {
        Self::new(|bytes| format!("select string_agg({}, '') from ({rows}) s", bytes("id")))
    }

    /// A statement that selects an id, named `id`, and a text without line feeds, named `text`.
    pub(super) fn ids_and_texts(rows: &'static str) -> Self {
        Self::new(|bytes| {
            let ids = bytes("id");
            format!("select string_agg({ids}, ''), string_agg(text, '\n') from ({rows}) s")
        })
    }

    /// A statement that differs by database, with a number in place of {rows}.
    pub(super) fn bounded(twin: Twin, rows: usize) -> Self {
        let of = |text: &str| text.replace("{rows}", &rows.to_string());
        Self { sqlite: of(twin.sqlite), postgres: of(twin.postgres) }
    }

    pub(super) fn on(&self, db: &Db) -> &str {
        match db {
            Db::Sqlite { .. } => &self.sqlite,
            Db::Postgres(_) => &self.postgres,
        }
    }
}

/// Splits concatenated ids; NULL is none.
pub(super) fn ids(bytes: Option<Vec<u8>>) -> Vec<Uuid> {
    let bytes = bytes.unwrap_or_default();
    bytes.chunks_exact(16).filter_map(|id| Uuid::from_slice(id).ok()).collect()
}

/// Splits concatenated texts, one for each id.
pub(super) fn texts(text: Option<&str>, count: usize) -> Result<Vec<&str>, Error> {
    let texts: Vec<&str> = text.map(|text| text.split('\n').collect()).unwrap_or_default();
    match texts.len() == count {
        true => Ok(texts),
        false => Err(Error::Internal("ids and texts of a search differ in number".to_owned())),
    }
}
