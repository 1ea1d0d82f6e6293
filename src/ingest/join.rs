//! The lines of a row that are in another file, found by a key. The two files may be sorted or not:
//! an index of 16 bytes per line is held in memory (160 MB for ten million lines); the lines
//! themselves are read again when they are needed.

use std::{
    cmp::Reverse,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
};

use anyhow::{Context as _, ensure};

use super::{
    encoding::{Broken, Raw},
    map::FileFormat,
    rejects::Reject,
    row::Row,
    rows::Rows,
};

/// Marks a line that was requested, in the highest bit of its offset.
const ASKED_FOR: u64 = 1 << 63;

/// How many bytes of unreadable lines are held before the file as a whole is refused.
const MAX_BROKEN_BYTES: usize = 32 * 1024 * 1024;

/// An index of a file by one of its columns.
#[derive(Debug)]
pub struct Join {
    rows: Rows,
    key: String,
    /// Sorted, so that the lines of a key are adjacent, in the order of the file.
    index: Vec<Place>,
    /// Whether the index has been reduced to the lines that were never requested, the last one
    /// first.
    only_orphans: bool,
}

/// The offset of a line, ordered by the hash of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    hash: u32,
    line: u32,
    offset: u64,
}

impl Join {
    /// Reads the file once. `broken` receives the lines that cannot be read, `progress` the number
    /// of bytes read.
    pub fn open(
        path: &Path,
        format: &FileFormat,
        key: &str,
        used: &[String],
        broken: &mut Vec<Reject>,
        mut progress: impl FnMut(u64),
    ) -> anyhow::Result<Self> {
        let mut rows = Rows::open(path, format, used)?;
        let mut index = Vec::new();
        let mut broken_bytes = 0;
        let name = || format!("cannot read {}", path.display());
        while let Some(row) = rows.next_row().with_context(name)? {
            let fault = match row {
                Err(broken) => broken,
                Ok(row) => match row.get(key) {
                    text if text.is_empty() => no_key(&row, key),
                    text => {
                        let line = u32::try_from(row.line).ok();
                        ensure!(line.is_some(), "{} has too many lines", path.display());
                        let line = line.unwrap_or_default();
                        index.push(Place { hash: hash(&text), line, offset: row.offset });
                        progress(rows.offset());
                        continue;
                    }
                },
            };
            let reject = Reject::of_broken(&rows.shape().file, fault);
            // They are all held in memory: with this many the map is wrong, not the lines.
            broken_bytes += reject.raw_len() + 100;
            ensure!(broken_bytes < MAX_BROKEN_BYTES, "{} is not as the map says", path.display());
            broken.push(reject);
        }
        index.sort_unstable();
        Ok(Self { rows, key: key.to_owned(), index, only_orphans: false })
    }

    /// The lines of a key, in the order of the file.
    pub fn lines_of(&mut self, key: &str) -> anyhow::Result<Vec<Row>> {
        let hash = hash(key);
        let first = self.index.partition_point(|place| place.hash < hash);
        let mut found = Vec::new();
        for at in first..self.index.len() {
            let place = self.index[at];
            if place.hash != hash {
                break;
            }
            let row = self.row_at(place)?;
            if row.get(&self.key) == key {
                self.index[at].offset |= ASKED_FOR;
                found.push(row);
            }
        }
        Ok(found)
    }

    /// The next line that was never requested, in the order of the file. No line may be requested
    /// afterwards.
    pub fn next_orphan(&mut self) -> anyhow::Result<Option<Reject>> {
        if !self.only_orphans {
            self.index.retain(|place| place.offset & ASKED_FOR == 0);
            self.index.sort_unstable_by_key(|place| Reverse(place.offset));
            self.only_orphans = true;
        }
        let Some(place) = self.index.pop() else { return Ok(None) };
        let row = self.row_at(place)?;
        Ok(Some(Reject {
            file: row.file().to_owned(),
            line: row.line,
            byte_offset: row.offset,
            field: self.key.clone(),
            reason: "no row of the other file has this key".to_owned(),
            raw: Some(row.raw),
            raw_base64: None,
        }))
    }

    fn row_at(&mut self, place: Place) -> anyhow::Result<Row> {
        let row = self.rows.at(place.offset & !ASKED_FOR, u64::from(place.line))?;
        let file = &self.rows.shape().file;
        row.and_then(Result::ok).with_context(|| format!("{file} changed during the import"))
    }
}

fn hash(key: &str) -> u32 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    // The upper half is as random as the lower one.
    (hasher.finish() >> 32) as u32
}

fn no_key(row: &Row, key: &str) -> Broken {
    Broken {
        number: row.line,
        offset: row.offset,
        reason: format!("column \"{key}\" is empty, so that its row is unknown"),
        raw: Some(Raw::Text(row.raw.clone())),
    }
}
