//! What is exported of a table.

/// A table with personal data.
#[derive(Debug)]
pub struct Part {
    pub(super) table: &'static str,
    pub(super) text: &'static str,
    /// The columns that the statement selects.
    pub(super) columns: &'static [(&'static str, ColumnType)],
    /// The columns that its rows are sorted by.
    pub(super) key: &'static [usize],
    /// The columns with record ids, if there are several. A row that several records of the person
    /// share is exported with the first of them.
    pub(super) sides: &'static [usize],
    /// How many rows are read at once.
    pub(super) rows: i64,
}

/// The type of a column. Any may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    Id,
    Number,
    Time,
    Text,
    Flag,
    /// JSON in which some numbers are times.
    Json,
    /// A stored entry.
    Payload,
}
