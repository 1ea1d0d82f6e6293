//! Splits lines with separators into cells.

use serde::Deserialize;

use super::encoding::MAX_ROW_BYTES;

/// What separates the cells of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Separator {
    Char(char),
    /// One or more spaces or tabs.
    Whitespace,
}

impl TryFrom<String> for Separator {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let mut chars = name.chars();
        match (name.as_str(), chars.next(), chars.next()) {
            ("whitespace", ..) => Ok(Self::Whitespace),
            ("tab", ..) => Ok(Self::Char('\t')),
            (_, Some('"' | '\n' | '\r'), _) => Err("this cannot be a separator".to_owned()),
            (_, Some(char), None) => Ok(Self::Char(char)),
            _ => Err(format!("\"{name}\" is not one character, \"tab\" or \"whitespace\"")),
        }
    }
}

/// How a file separates and quotes its cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub separator: Separator,
    /// The character around a cell that contains the separator or a line end; doubled inside it.
    pub quote: Option<char>,
    /// The character that makes the next one literal.
    pub escape: Option<char>,
    /// A row with more cells is rejected.
    pub max_cells: usize,
}

/// The cells of a row: one text, and the end of each cell in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    text: String,
    ends: Vec<usize>,
}

impl Cells {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether every cell is empty.
    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    pub fn get(&self, index: usize) -> &str {
        let end = self.ends.get(index).copied().unwrap_or(self.text.len());
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(end),
            None => 0,
        };
        &self.text[start..end]
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn end_cell(&mut self, max_cells: usize) -> Result<(), String> {
        if self.ends.len() == max_cells {
            return Err(format!("has more than {max_cells} cells"));
        }
        self.ends.push(self.text.len());
        Ok(())
    }

    /// Where the current cell begins.
    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }
}

/// Reads the lines of a row one by one.
#[derive(Debug)]
pub struct Splitter {
    dialect: Dialect,
    cells: Cells,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    Quoted,
    /// Directly behind a quote that may be the last one.
    Closing,
    /// Behind the last quote and a space.
    Closed,
}

impl Splitter {
    pub fn new(dialect: Dialect) -> Self {
        Self { dialect, cells: Cells::default(), state: State::Plain }
    }

    /// Reads a line. Returns the cells, or none if a quote is still open at its end; fails with the
    /// reason.
    pub fn feed(&mut self, line: &str) -> Result<Option<Cells>, String> {
        let Separator::Char(separator) = self.dialect.separator else {
            return self.split_whitespace(line).map(Some);
        };
        let is_plain = self.state == State::Plain
            && self.dialect.escape.is_none()
            && self.dialect.quote.is_none_or(|quote| !line.contains(quote));
        if is_plain {
            for cell in line.split(separator) {
                self.cells.text.push_str(cell);
                self.cells.end_cell(self.dialect.max_cells)?;
            }
        } else if !self.feed_quoted(line, separator)? {
            return Ok(None);
        }
        Ok(Some(std::mem::take(&mut self.cells)))
    }

    fn split_whitespace(&mut self, line: &str) -> Result<Cells, String> {
        for cell in line.split_whitespace() {
            self.cells.text.push_str(cell);
            self.cells.end_cell(self.dialect.max_cells)?;
        }
        Ok(std::mem::take(&mut self.cells))
    }

    /// Returns whether the row is complete.
    fn feed_quoted(&mut self, line: &str, separator: char) -> Result<bool, String> {
        let Dialect { quote, escape, max_cells, .. } = self.dialect;
        let mut chars = line.chars();
        while let Some(char) = chars.next() {
            let is_quote = Some(char) == quote;
            let is_escape = Some(char) == escape && escape != quote;
            let state = self.state;
            match state {
                State::Plain | State::Quoted if is_escape => {
                    self.cells.text.push(chars.next().unwrap_or('\n'));
                }
                State::Plain if is_quote && self.at_start_of_cell() => self.state = State::Quoted,
                State::Quoted if is_quote => self.state = State::Closing,
                State::Closing if is_quote => {
                    self.cells.text.push(char);
                    self.state = State::Quoted;
                }
                State::Plain | State::Closing | State::Closed if char == separator => {
                    self.cells.end_cell(max_cells)?;
                    self.state = State::Plain;
                }
                State::Plain | State::Quoted => self.cells.text.push(char),
                State::Closing | State::Closed if char.is_whitespace() => {
                    self.state = State::Closed;
                }
                State::Closing | State::Closed => {
                    return Err("has text after the closing quote of a cell, or a quote that is \
                                never closed"
                        .to_owned());
                }
            }
        }
        if self.state != State::Quoted {
            self.cells.end_cell(max_cells)?;
            return Ok(true);
        }
        self.cells.text.push('\n');
        if self.cells.text.len() > MAX_ROW_BYTES {
            return Err("has a quote that is never closed".to_owned());
        }
        Ok(false)
    }

    /// Whether the cell has only spaces so far; these are dropped.
    fn at_start_of_cell(&mut self) -> bool {
        let start = self.cells.start();
        let blank = self.cells.text[start..].trim().is_empty();
        if blank {
            self.cells.text.truncate(start);
        }
        blank
    }
}
