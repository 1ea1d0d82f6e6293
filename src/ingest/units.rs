//! Groups related rows: an order with its lines, a conversation with its messages.

use super::{
    encoding::{Broken, MAX_ROW_BYTES, Raw},
    join::Join,
    row::Row,
    rows::Rows,
};

/// Rows that become one set of entries.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The row, or the rows of a group; at least one. The first one has the shared values.
    pub rows: Vec<Row>,
    /// The lines of another file.
    joined: Option<Vec<Row>>,
}

impl Unit {
    pub fn head(&self) -> &Row {
        &self.rows[0]
    }

    /// The rows that `[lines]` describes.
    pub fn lines(&self) -> &[Row] {
        self.joined.as_deref().unwrap_or(&self.rows)
    }

    /// The rows as they are in the file.
    pub fn raw(&self) -> String {
        let raws: Vec<&str> = self.rows.iter().map(|row| row.raw.as_str()).collect();
        raws.join("\n")
    }
}

/// How rows become units.
#[derive(Debug)]
pub enum Grouping {
    /// Each row is a unit.
    Single,
    /// Consecutive rows with an equal or no text in a column are a unit.
    Column(String),
    /// The lines are in another file, joined by the text of a column.
    Join(Box<Join>, String),
}

/// The units of a file.
#[derive(Debug)]
pub struct Units {
    pub rows: Rows,
    pub grouping: Grouping,
    ahead: Option<Row>,
    /// Broken rows to return after the group that they end.
    broken: Vec<Broken>,
    /// Whether the row before could not be read: it may belong to the next group.
    after_broken: bool,
}

impl Units {
    pub fn new(rows: Rows, grouping: Grouping) -> Self {
        Self { rows, grouping, ahead: None, broken: Vec::new(), after_broken: false }
    }

    /// The next unit, or the rows that cannot be read; none at the end.
    pub fn next_unit(&mut self) -> anyhow::Result<Option<Result<Unit, Broken>>> {
        if let Some(broken) = self.broken.pop() {
            return Ok(Some(Err(broken)));
        }
        let column = match &self.grouping {
            Grouping::Column(column) => column.clone(),
            _ => return self.next_single(),
        };
        let first = match self.ahead.take() {
            Some(row) => row,
            None => match self.rows.next_row()? {
                None => return Ok(None),
                Some(Err(broken)) => {
                    self.after_broken = true;
                    return Ok(Some(Err(broken)));
                }
                Some(Ok(row)) => row,
            },
        };
        self.next_group(first, &column).map(Some)
    }

    fn next_single(&mut self) -> anyhow::Result<Option<Result<Unit, Broken>>> {
        let row = match self.rows.next_row()? {
            None => return Ok(None),
            Some(Err(broken)) => return Ok(Some(Err(broken))),
            Some(Ok(row)) => row,
        };
        let joined = match &mut self.grouping {
            Grouping::Join(join, column) => Some(join.lines_of(&row.get(column))?),
            _ => None,
        };
        Ok(Some(Ok(Unit { rows: vec![row], joined })))
    }

    fn next_group(&mut self, first: Row, column: &str) -> anyhow::Result<Result<Unit, Broken>> {
        let key = first.get(column).into_owned();
        let mut length = first.raw.len();
        let mut too_long = false;
        let mut unsure = std::mem::take(&mut self.after_broken);
        let mut rows = vec![first];
        while let Some(row) = self.rows.next_row()? {
            match row {
                Ok(row) => {
                    let same = row.get(column);
                    if !same.is_empty() && same != key.as_str() {
                        self.ahead = Some(row);
                        break;
                    }
                    length += row.raw.len() + 1;
                    too_long |= length > MAX_ROW_BYTES;
                    if !too_long {
                        rows.push(row);
                    }
                }
                // The row may belong to this group: an order must not silently lose a line.
                Err(broken) => {
                    self.broken.push(broken);
                    (unsure, self.after_broken) = (true, true);
                    break;
                }
            }
        }
        let reason = if key.is_empty() {
            format!("column \"{column}\" is empty, and no row before it has a text there")
        } else if too_long {
            format!("the rows have more than {MAX_ROW_BYTES} bytes together")
        } else if unsure {
            "an adjacent row cannot be read and may belong to it".to_owned()
        } else {
            return Ok(Ok(Unit { rows, joined: None }));
        };
        let unit = Unit { rows, joined: None };
        let (number, offset) = (unit.head().line, unit.head().offset);
        // A part of a group must not be replayed as if it were the whole.
        let raw = (!too_long).then(|| Raw::Text(unit.raw()));
        Ok(Err(Broken { number, offset, reason, raw }))
    }
}
