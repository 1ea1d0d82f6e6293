//! The rejects file, next to the imported file: what could not be recorded and why, one JSON object
//! per line. Each object contains the original row, so that it can be corrected and replayed.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::encoding::{Broken, Line, Raw};
use crate::error::Error;

/// A row, or an entry of a row, that could not be recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reject {
    /// The name of the row's file.
    pub file: String,
    /// The number of its first line, from 1.
    pub line: u64,
    /// The offset of the row in the file, in bytes.
    pub byte_offset: u64,
    /// The field that breaks a rule; empty if the row as a whole does.
    pub field: String,
    /// The rules that are broken.
    pub reason: String,
    /// The row as it is in the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// The row in base64, if it is not valid in the file's encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_base64: Option<String>,
}

impl Reject {
    /// A row that could not be read.
    pub fn of_broken(file: &str, broken: Broken) -> Self {
        let (raw, raw_base64) = match broken.raw {
            None => (None, None),
            Some(Raw::Text(text)) => (Some(text), None),
            Some(Raw::Bytes(bytes)) => (None, Some(STANDARD.encode(bytes))),
        };
        Self {
            file: file.to_owned(),
            line: broken.number,
            byte_offset: broken.offset,
            field: String::new(),
            reason: broken.reason,
            raw,
            raw_base64,
        }
    }
}

/// The position of a row, for reporting later what happened to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    pub line: u64,
    pub offset: u64,
    pub raw: String,
}

impl Reject {
    /// A row that breaks a rule of the map, of the API or of the store.
    pub fn of_error(file: &str, origin: &Origin, error: &Error) -> Self {
        let (field, reason) = match error {
            Error::Invalid(violations) => match violations.as_slice() {
                [only] => (only.field.clone(), only.rule.clone()),
                all => {
                    (all.first().map(|v| v.field.clone()).unwrap_or_default(), error.to_string())
                }
            },
            Error::ReplyNotFound { field }
            | Error::PurchaseNotFound { field }
            | Error::OrderNumberTaken { field } => {
                let text = error.to_string();
                let rule = text.strip_prefix(&format!("{field}: ")).unwrap_or(&text).to_owned();
                (field.clone(), rule)
            }
            _ => (String::new(), error.to_string()),
        };
        Self {
            file: file.to_owned(),
            line: origin.line,
            byte_offset: origin.offset,
            field,
            reason,
            // What was erased must not be kept here either.
            raw: (*error != Error::CustomerErased).then(|| origin.raw.clone()),
            raw_base64: None,
        }
    }

    /// The size of the row in bytes, as far as it is kept.
    pub fn raw_len(&self) -> usize {
        [&self.raw, &self.raw_base64].into_iter().flatten().map(String::len).sum()
    }

    /// The row as it was when it could not be read: without text it cannot be corrected here.
    fn into_broken(self) -> Broken {
        let bytes = self.raw_base64.and_then(|text| STANDARD.decode(text).ok());
        let raw = bytes.map(Raw::Bytes);
        Broken { number: self.line, offset: self.byte_offset, reason: self.reason, raw }
    }
}

/// The default path for the rejects of `input`.
pub fn default_path(input: &Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".rejects.ndjson");
    name.into()
}

/// The rejects file; created with the first reject. Until the end its name has the suffix `.part`
/// if an older rejects file is being replayed.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    part: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Writer {
    /// Deletes the rejects of an earlier run, unless they are being replayed. Fails if the file
    /// holds something else.
    pub fn create(path: PathBuf, replays: bool) -> anyhow::Result<Self> {
        let mut part = path.clone();
        ensure!(
            is_replaceable(&path)?,
            "{} exists and holds no rejects: name another file with --rejects",
            path.display()
        );
        if replays {
            part.as_mut_os_string().push(".part");
        } else if path.exists() {
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot replace {}", path.display()))?;
        }
        Ok(Self { path, part, file: None })
    }

    pub fn write(&mut self, reject: &Reject) -> anyhow::Result<()> {
        let name = || format!("cannot write {}", self.part.display());
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = File::create(&self.part).with_context(name)?;
                self.file.insert(BufWriter::new(file))
            }
        };
        serde_json::to_writer(&mut *file, reject).with_context(name)?;
        file.write_all(b"\n").with_context(name)
    }

    pub fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.file {
            Some(file) => file.flush().context("cannot write the file of rejects"),
            None => Ok(()),
        }
    }

    /// Closes the file, and returns its path if there is one.
    pub fn finish(mut self) -> anyhow::Result<Option<PathBuf>> {
        self.flush()?;
        if self.part != self.path {
            let done = match self.file {
                Some(_) => std::fs::rename(&self.part, &self.path),
                None => std::fs::remove_file(&self.path),
            };
            done.with_context(|| format!("cannot replace {}", self.path.display()))?;
        }
        Ok(self.file.map(|_| self.path))
    }
}

/// Whether the file does not exist, or begins with a reject.
fn is_replaceable(path: &Path) -> anyhow::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let Some(line) = BufReader::new(file).lines().next() else { return Ok(true) };
    let reject = line.ok().and_then(|line| serde_json::from_str::<Reject>(&line).ok());
    Ok(reject.is_some_and(|reject| !reject.file.is_empty() && !reject.reason.is_empty()))
}

/// The rows of a rejects file, with their original positions.
#[derive(Debug)]
pub struct Replay {
    reader: BufReader<File>,
    file: String,
    offset: u64,
    number: u64,
    last: Option<u64>,
    pending: VecDeque<Line>,
}

impl Replay {
    /// Opens the rejects of a file of that name.
    pub fn open(path: &Path, file: &str) -> anyhow::Result<Self> {
        let opened = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let reader = BufReader::new(opened);
        let file = file.to_owned();
        Ok(Self { reader, file, offset: 0, number: 0, last: None, pending: VecDeque::new() })
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line of a row. A row that was rejected twice, for two of its entries, is returned
    /// once.
    pub fn next_line(&mut self) -> io::Result<Option<Result<Line, Broken>>> {
        loop {
            if let Some(line) = self.pending.pop_front() {
                return Ok(Some(Ok(line)));
            }
            let mut text = String::new();
            let length = self.reader.read_line(&mut text)? as u64;
            if length == 0 {
                return Ok(None);
            }
            let offset = self.offset;
            self.offset += length;
            self.number += 1;
            let Ok(reject) = serde_json::from_str::<Reject>(&text) else {
                let reason = "is not a line of a file of rejects".to_owned();
                let raw = Some(Raw::Text(text));
                return Ok(Some(Err(Broken { number: self.number, offset, reason, raw })));
            };
            if reject.file != self.file || self.last == Some(reject.line) {
                continue;
            }
            self.last = Some(reject.line);
            if reject.raw.is_none() {
                return Ok(Some(Err(reject.into_broken())));
            }
            self.push_lines(reject);
        }
    }

    fn push_lines(&mut self, reject: Reject) {
        let mut offset = reject.byte_offset;
        for (number, text) in (reject.line..).zip(reject.raw.iter().flat_map(|raw| raw.split('\n')))
        {
            self.pending.push_back(Line { number, offset, text: text.to_owned() });
            offset += text.len() as u64 + 1;
        }
    }
}
