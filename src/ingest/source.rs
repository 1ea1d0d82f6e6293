//! An opened file that yields the calls of its rows one by one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;

use super::{
    convert::{Command, Converter},
    encoding::{Broken, Encoding, Line, Lines, Raw},
    join::Join,
    map::{self, Map},
    native::Reader,
    rejects::{Origin, Reject, Replay},
    rows::Rows,
    units::{Grouping, Units},
};
use crate::{api::validate::Rules, error::Error};

/// The import's input.
#[derive(Clone, Debug)]
pub struct Input {
    pub file: PathBuf,
    /// None for the product's own format.
    pub map: Option<Map>,
    /// The path of the file of `[lines]`, if not next to the other.
    pub lines: Option<PathBuf>,
    /// The rejects of an earlier run, to be imported instead of the file's rows.
    pub replay: Option<PathBuf>,
}

/// The calls of one unit.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub origin: Origin,
    pub commands: Vec<Command>,
    pub rejects: Vec<Reject>,
    /// The number of rows.
    pub rows: u64,
    /// Invalid identifiers that were left out.
    pub skipped_identifiers: u64,
}

/// An opened file.
#[derive(Debug)]
pub struct Source {
    content: Content,
    file: String,
    /// The size of the input, in bytes.
    pub total_bytes: u64,
    /// Lines of the other file that cannot be read, to be returned first.
    broken_lines: Vec<Reject>,
    replays: bool,
}

#[derive(Debug)]
enum Content {
    Mapped(Box<Mapped>),
    Native(Box<Native>),
}

#[derive(Debug)]
struct Mapped {
    units: Units,
    converter: Converter,
}

#[derive(Debug)]
struct Native {
    lines: Lines,
    replay: Option<Replay>,
    reader: Reader,
}

impl Source {
    /// Opens the file, and reads the file of the lines once. `progress` receives the number of
    /// bytes read, and the total.
    pub fn open(
        input: &Input,
        rules: &Rules,
        progress: impl FnMut(u64, u64),
    ) -> anyhow::Result<Self> {
        let file = input.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let total_bytes = match &input.replay {
            Some(path) => size(path).context("there is nothing to replay; run without --replay")?,
            None => size(&input.file)?,
        };
        let mut broken_lines = Vec::new();
        let content = match &input.map {
            Some(map) => {
                let units = open_units(input, map, &mut broken_lines, progress)?;
                let converter = Converter::new(Arc::new(map.clone()), rules.clone());
                Content::Mapped(Box::new(Mapped { units, converter }))
            }
            None => {
                let name = || format!("cannot read {}", input.file.display());
                let lines = Lines::open(&input.file, Encoding::default()).with_context(name)?;
                let replay = input.replay.as_ref().map(|path| Replay::open(path, &file));
                let (replay, reader) = (replay.transpose()?, Reader::new()?);
                Content::Native(Box::new(Native { lines, replay, reader }))
            }
        };
        broken_lines.reverse();
        let replays = input.replay.is_some();
        Ok(Self { content, file, total_bytes, broken_lines, replays })
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> u64 {
        match &self.content {
            Content::Mapped(mapped) => mapped.units.rows.offset(),
            Content::Native(native) => native.offset(),
        }
    }

    /// The columns of the map that no row of an NDJSON file had.
    pub fn columns_never_found(&self) -> Vec<String> {
        match &self.content {
            Content::Mapped(mapped) if mapped.units.rows.is_json() => {
                mapped.units.rows.shape().never_found()
            }
            _ => Vec::new(),
        }
    }

    /// The name of the file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The calls of the next unit; none at the end.
    pub fn next_step(&mut self) -> anyhow::Result<Option<Step>> {
        if let Some(reject) = self.broken_lines.pop() {
            return Ok(Some(Step { rejects: vec![reject], ..Step::default() }));
        }
        let step = match &mut self.content {
            Content::Mapped(mapped) => mapped.next_step(&self.file),
            Content::Native(native) => native.next_step(&self.file),
        };
        match step.with_context(|| format!("cannot read {}", self.file))? {
            Some(step) => Ok(Some(step)),
            None => self.next_orphan(),
        }
    }

    /// A line of the other file that belongs to no row.
    fn next_orphan(&mut self) -> anyhow::Result<Option<Step>> {
        let Content::Mapped(mapped) = &mut self.content else { return Ok(None) };
        let Grouping::Join(join, _) = &mut mapped.units.grouping else { return Ok(None) };
        // A replay requests the lines of only a few rows.
        let orphan = if self.replays { None } else { join.next_orphan()? };
        Ok(orphan.map(|reject| Step { rejects: vec![reject], ..Step::default() }))
    }
}

impl Mapped {
    fn next_step(&mut self, file: &str) -> anyhow::Result<Option<Step>> {
        let unit = match self.units.next_unit()? {
            None => return Ok(None),
            Some(Err(broken)) => return Ok(Some(Step::of_broken(file, broken))),
            Some(Ok(unit)) => unit,
        };
        let converted = self.converter.convert(&unit);
        let (line, offset) = (unit.head().line, unit.head().offset);
        let origin = Origin { line, offset, raw: unit.raw() };
        let faults = converted.faults.into_iter();
        let rejects = faults.map(|rules| Reject::of_error(file, &origin, &Error::Invalid(rules)));
        Ok(Some(Step {
            rejects: rejects.collect(),
            commands: converted.commands,
            rows: unit.rows.len() as u64,
            skipped_identifiers: converted.skipped_identifiers,
            origin,
        }))
    }
}

impl Native {
    fn offset(&self) -> u64 {
        self.replay.as_ref().map_or(self.lines.offset(), Replay::offset)
    }

    fn next_step(&mut self, file: &str) -> anyhow::Result<Option<Step>> {
        let line = match &mut self.replay {
            Some(replay) => replay.next_line()?,
            None => self.lines.next_line()?,
        };
        let line = match line {
            None => return Ok(None),
            Some(Err(broken)) => return Ok(Some(Step::of_broken(file, broken))),
            Some(Ok(line)) if line.text.trim().is_empty() => return Ok(Some(Step::default())),
            Some(Ok(line)) => line,
        };
        let Line { number, offset, text } = line;
        Ok(Some(match self.reader.read(&text) {
            Ok(command) => {
                let origin = Origin { line: number, offset, raw: text };
                Step { origin, commands: vec![command], rows: 1, ..Step::default() }
            }
            Err(reason) => {
                let raw = Some(Raw::Text(text));
                Step::of_broken(file, Broken { number, offset, reason, raw })
            }
        }))
    }
}

impl Step {
    fn of_broken(file: &str, broken: Broken) -> Self {
        Self { rejects: vec![Reject::of_broken(file, broken)], rows: 1, ..Self::default() }
    }
}

fn size(path: &Path) -> anyhow::Result<u64> {
    let metadata = std::fs::metadata(path);
    Ok(metadata.with_context(|| format!("cannot read {}", path.display()))?.len())
}

fn open_units(
    input: &Input,
    map: &Map,
    broken: &mut Vec<Reject>,
    mut progress: impl FnMut(u64, u64),
) -> anyhow::Result<Units> {
    let columns = map.columns();
    let mut used = columns.rows.clone();
    // Elements of JSON arrays are looked up by the same names as fields.
    if map::Format::Ndjson == super::rows::kind(&input.file, &map.file) {
        used.extend(columns.elements.clone());
    }
    let mut rows = Rows::open(&input.file, &map.file, &used)?;
    if let Some(rejects) = &input.replay {
        rows.replay(rejects)?;
    }
    let Some(lines) = &map.lines else { return Ok(Units::new(rows, Grouping::Single)) };
    if let Some(column) = &lines.group_by {
        return Ok(Units::new(rows, Grouping::Column(column.clone())));
    }
    let (Some(file), Some(key)) = (&lines.file, &lines.key) else {
        return Ok(Units::new(rows, Grouping::Single));
    };
    let path = input.lines.clone().unwrap_or_else(|| input.file.with_file_name(file));
    let same = map::FileFormat { format: None, columns: Vec::new(), ..map.file.clone() };
    let format = lines.format.clone().unwrap_or(same);
    let total = size(&path)?;
    let join = Join::open(&path, &format, key, &columns.lines, broken, |at| progress(at, total))?;
    let column = lines.row_key.clone().unwrap_or_else(|| key.clone());
    Ok(Units::new(rows, Grouping::Join(Box::new(join), column)))
}
