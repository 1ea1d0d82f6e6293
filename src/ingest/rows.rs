//! Reads the rows of a file: CSV in any dialect, or NDJSON. A row that cannot be read is returned
//! as such, and does not affect those after it.

use std::{collections::VecDeque, io, path::Path, sync::Arc};

use anyhow::{Context as _, bail, ensure};

use super::{
    csv::{Cells, Dialect, Separator, Splitter},
    encoding::{Broken, Line, Lines, MAX_ROW_BYTES, Raw},
    map::{FileFormat, Format},
    rejects::Replay,
    row::{Row, Shape},
};

/// The most columns of a file.
const MAX_COLUMNS: usize = 4096;

/// The rows of a file from its beginning.
#[derive(Debug)]
pub struct Rows {
    lines: Lines,
    /// Rejected lines to read instead of those of the file.
    replay: Option<Replay>,
    /// Lines read ahead for a quote that was never closed.
    pending: VecDeque<Result<Line, Broken>>,
    /// None for NDJSON.
    dialect: Option<Dialect>,
    ragged: bool,
    shape: Arc<Shape>,
}

impl Rows {
    /// Opens a file and reads its header. `used` are the columns that the map needs.
    pub fn open(path: &Path, format: &FileFormat, used: &[String]) -> anyhow::Result<Self> {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = || format!("cannot read {}", path.display());
        let mut lines = Lines::open(path, format.encoding).with_context(name)?;
        for _ in 0..format.skip_lines {
            lines.next_line().with_context(name)?;
        }
        let mut rows = Self {
            lines,
            replay: None,
            pending: VecDeque::new(),
            dialect: None,
            ragged: format.ragged,
            shape: Arc::new(Shape::new(file, used.to_vec(), format.empty.clone())),
        };
        if kind(path, format) == Format::Csv {
            rows.read_header(path, format, used).with_context(name)?;
        }
        Ok(rows)
    }

    /// Reads the rejected rows instead of those of the file.
    pub fn replay(&mut self, rejects: &Path) -> anyhow::Result<()> {
        self.replay = Some(Replay::open(rejects, &self.shape.file)?);
        Ok(())
    }

    /// What the rows have in common.
    pub fn shape(&self) -> &Arc<Shape> {
        &self.shape
    }

    /// Whether rows may lack fields without being invalid.
    pub fn is_json(&self) -> bool {
        self.dialect.is_none()
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> u64 {
        self.replay.as_ref().map_or(self.lines.offset(), Replay::offset)
    }

    /// The row at an offset.
    pub fn at(&mut self, offset: u64, line: u64) -> io::Result<Option<Result<Row, Broken>>> {
        self.pending.clear();
        self.lines.seek(offset, line)?;
        self.next_row()
    }

    /// The next row; none at the end.
    pub fn next_row(&mut self) -> io::Result<Option<Result<Row, Broken>>> {
        loop {
            let line = match self.next_line()? {
                None => return Ok(None),
                Some(Err(broken)) => return Ok(Some(Err(broken))),
                Some(Ok(line)) => line,
            };
            if line.text.trim().is_empty() {
                continue;
            }
            let row = match self.dialect {
                Some(dialect) => self.read_cells(line, dialect)?,
                None => Some(self.read_json(line)),
            };
            if row.is_some() {
                return Ok(row);
            }
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Result<Line, Broken>>> {
        match (self.pending.pop_front(), &mut self.replay) {
            (Some(line), _) => Ok(Some(line)),
            (None, Some(replay)) => replay.next_line(),
            (None, None) => self.lines.next_line(),
        }
    }

    fn read_json(&self, line: Line) -> Result<Row, Broken> {
        let broken = |reason: String, line: Line| Broken {
            number: line.number,
            offset: line.offset,
            reason,
            raw: Some(Raw::Text(line.text)),
        };
        match serde_json::from_str(&line.text) {
            Ok(json @ serde_json::Value::Object(_)) => {
                let shape = Arc::clone(&self.shape);
                let row = Row::of_json(line.number, line.offset, line.text, shape, json);
                let columns = &self.shape.columns;
                match columns.iter().find(|column| row.rounded_number(column)) {
                    None => Ok(row),
                    Some(column) => {
                        let reason = format!(
                            "column \"{column}\" holds a number with too many digits: write it \
                             as a text"
                        );
                        let (number, offset) = (row.line, row.offset);
                        Err(broken(reason, Line { number, offset, text: row.raw }))
                    }
                }
            }
            Ok(_) => Err(broken("is not a JSON object".to_owned(), line)),
            Err(error) => {
                let at = line.offset + (error.column().saturating_sub(1)) as u64;
                let what = match error.classify() {
                    serde_json::error::Category::Eof => "ends in the middle of its JSON",
                    _ => "is not JSON",
                };
                Err(broken(format!("{what}, at byte offset {at}"), line))
            }
        }
    }

    /// None for a row without any text.
    fn read_cells(
        &mut self,
        first: Line,
        dialect: Dialect,
    ) -> io::Result<Option<Result<Row, Broken>>> {
        let mut splitter = Splitter::new(dialect);
        let mut fed = splitter.feed(&first.text);
        let mut more: Vec<Line> = Vec::new();
        let mut length = first.text.len();
        while let Ok(None) = fed {
            match self.next_line()? {
                Some(Ok(line)) if length + line.text.len() < MAX_ROW_BYTES => {
                    length += line.text.len() + 1;
                    fed = splitter.feed(&line.text);
                    more.push(line);
                }
                other => {
                    fed = Err("has a quote that is never closed".to_owned());
                    if let Some(line) = other {
                        self.pending.push_front(line);
                    }
                }
            }
        }
        let (number, offset) = (first.number, first.offset);
        let cells = match fed.map(Option::unwrap_or_default).and_then(|cells| self.check(cells)) {
            Ok(cells) => cells,
            Err(reason) => {
                // Only the faulty line is lost: those after it may be rows of their own.
                for line in more.into_iter().rev() {
                    self.pending.push_front(Ok(line));
                }
                let raw = Some(Raw::Text(first.text));
                return Ok(Some(Err(Broken { number, offset, reason, raw })));
            }
        };
        if cells.is_empty() {
            return Ok(None);
        }
        let mut raw = first.text;
        for line in more {
            raw.push('\n');
            raw.push_str(&line.text);
        }
        Ok(Some(Ok(Row::of_cells(number, offset, raw, Arc::clone(&self.shape), cells))))
    }

    fn check(&self, cells: Cells) -> Result<Cells, String> {
        let (have, want) = (cells.len(), self.shape.columns.len());
        if have != want && !(self.ragged && have < want) && !cells.is_empty() {
            return Err(format!("has {have} cells where the file has {want} columns"));
        }
        if have > 1 && cells.iter().eq(self.shape.columns.iter().map(String::as_str)) {
            return Err("is the header again".to_owned());
        }
        Ok(cells)
    }

    fn read_header(
        &mut self,
        path: &Path,
        format: &FileFormat,
        used: &[String],
    ) -> anyhow::Result<()> {
        let mut dialect = Dialect {
            separator: format.separator.unwrap_or(Separator::Char(',')),
            quote: format.quote.as_ref().map_or(Some('"'), |quote| quote.chars().next()),
            escape: format.escape,
            max_cells: MAX_COLUMNS,
        };
        let mut columns = format.columns.clone();
        if format.header.unwrap_or(columns.is_empty()) {
            let header = self.header_cells(dialect)?;
            if columns.is_empty() {
                columns = header;
            } else {
                let (named, have) = (columns.len(), header.len());
                ensure!(named == have, "the map names {named} columns, the header has {have}");
            }
        }
        check_columns(&columns, used, dialect.separator)?;
        dialect.max_cells = columns.len();
        self.dialect = Some(dialect);
        let file = file_name(path);
        self.shape = Arc::new(Shape::new(file, columns, format.empty.clone()));
        Ok(())
    }

    fn header_cells(&mut self, dialect: Dialect) -> anyhow::Result<Vec<String>> {
        let mut splitter = Splitter::new(dialect);
        loop {
            let line = match self.lines.next_line()? {
                None => bail!("the file is empty: it should begin with the names of its columns"),
                Some(Err(broken)) => bail!("line {}, the header, {}", broken.number, broken.reason),
                Some(Ok(line)) => line,
            };
            match splitter.feed(&line.text) {
                Ok(Some(cells)) if cells.is_empty() => {}
                Ok(Some(cells)) => {
                    return Ok(cells.iter().map(|name| name.trim().to_owned()).collect());
                }
                Ok(None) => {}
                Err(reason) => bail!("line {}, the header, {reason}", line.number),
            }
        }
    }
}

/// The format of a file: as the map says, else by the extension of the name.
pub fn kind(path: &Path, format: &FileFormat) -> Format {
    let name = file_name(path).to_lowercase();
    format.format.unwrap_or_else(|| {
        let json = [".ndjson", ".jsonl", ".json"].iter().any(|end| name.ends_with(end));
        if json { Format::Ndjson } else { Format::Csv }
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Checks that the map's columns exist, and are unique.
fn check_columns(columns: &[String], used: &[String], separator: Separator) -> anyhow::Result<()> {
    let missing: Vec<String> = used
        .iter()
        .filter(|name| !columns.contains(name))
        .map(|name| format!("\"{name}\""))
        .collect();
    if !missing.is_empty() {
        let have: Vec<String> =
            columns.iter().take(100).map(|name| format!("\"{name}\"")).collect();
        let hint = match (columns, separator) {
            ([only], Separator::Char(mark)) => [';', ',', '\t', '|']
                .into_iter()
                .find(|other| *other != mark && only.contains(*other))
                .map(|other| format!("; is the separator {other:?}? Then say so in [file]")),
            _ => None,
        };
        bail!(
            "the map uses {}, and the file has the columns {}{}",
            missing.join(", "),
            have.join(", "),
            hint.unwrap_or_default()
        );
    }
    let twice = used.iter().find(|name| columns.iter().filter(|column| column == name).count() > 1);
    if let Some(name) = twice {
        bail!("the column \"{name}\" is twice in the header: name all `columns` in the map");
    }
    Ok(())
}
