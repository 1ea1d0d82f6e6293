//! Reads the lines of a file in any encoding, each with its offset. At most [`MAX_ROW_BYTES`] of a
//! line are held in memory.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
use serde::Deserialize;

/// The largest row in bytes, whether a line or a quoted field over many lines: as large as a call
/// of the API may be.
pub const MAX_ROW_BYTES: usize = 4 * 1024 * 1024;

/// An encoding, by a name of the WHATWG encoding standard or another common one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Encoding(&'static encoding_rs::Encoding);

impl Default for Encoding {
    fn default() -> Self {
        Self(UTF_8)
    }
}

impl TryFrom<String> for Encoding {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let found = match plain.to_lowercase().as_str() {
            "utf8bom" | "utf8sig" => Some(UTF_8),
            _ => encoding_rs::Encoding::for_label_no_replacement(name.as_bytes())
                .or_else(|| encoding_rs::Encoding::for_label_no_replacement(plain.as_bytes())),
        };
        found.map(Self).ok_or_else(|| {
            format!(
                "\"{name}\" is not an encoding: use \"utf-8\", \"utf-16\", \"windows-1252\", \
                 \"latin-1\" or another name of the WHATWG list"
            )
        })
    }
}

/// A line of the file, without its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// From 1.
    pub number: u64,
    /// The offset in the file, in bytes.
    pub offset: u64,
    pub text: String,
}

/// A row that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub number: u64,
    pub offset: u64,
    pub reason: String,
    /// The text; none if it is too long to keep.
    pub raw: Option<Raw>,
}

/// A row as it is in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    Text(String),
    /// Bytes that are not valid in the file's encoding.
    Bytes(Vec<u8>),
}

/// The lines of a file from its beginning.
#[derive(Debug)]
pub struct Lines {
    reader: BufReader<File>,
    encoding: &'static encoding_rs::Encoding,
    offset: u64,
    number: u64,
}

impl Lines {
    /// Opens a file. A byte order mark overrides `encoding`.
    pub fn open(path: &Path, encoding: Encoding) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut head = Vec::with_capacity(4);
        (&mut file).take(4).read_to_end(&mut head)?;
        if head.starts_with(&[0x1f, 0x8b]) || head.starts_with(b"PK\x03\x04") {
            return Err(io::Error::other("the file is compressed: unpack it first"));
        }
        let (encoding, mark) = match encoding_rs::Encoding::for_bom(&head) {
            Some((encoding, length)) => (encoding, length as u64),
            None => (encoding.0, 0),
        };
        file.seek(SeekFrom::Start(mark))?;
        let reader = BufReader::with_capacity(64 * 1024, file);
        Ok(Self { reader, encoding, offset: mark, number: 0 })
    }

    /// How many bytes have been read.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Moves to a line that was read before.
    pub fn seek(&mut self, offset: u64, number: u64) -> io::Result<()> {
        let by = i64::try_from(offset).unwrap_or(i64::MAX).checked_sub_unsigned(self.offset);
        match by {
            Some(by) => self.reader.seek_relative(by)?,
            None => drop(self.reader.seek(SeekFrom::Start(offset))?),
        }
        self.offset = offset;
        self.number = number - 1;
        Ok(())
    }

    /// The next line; none at the end of the file.
    pub fn next_line(&mut self) -> io::Result<Option<Result<Line, Broken>>> {
        let offset = self.offset;
        let mut bytes = Vec::new();
        let length = self.read_line(&mut bytes)?;
        if length == 0 {
            return Ok(None);
        }
        self.offset += length;
        self.number += 1;
        let number = self.number;
        if length > bytes.len() as u64 {
            let reason = format!("has {length} bytes, and a row has at most {MAX_ROW_BYTES}");
            return Ok(Some(Err(Broken { number, offset, reason, raw: None })));
        }
        Ok(Some(match self.decode(bytes) {
            Ok(text) => text_line(number, offset, text),
            Err((at, bytes)) => Err(Broken {
                number,
                offset,
                reason: match at {
                    Some(at) => {
                        let at = offset + at as u64;
                        format!("is not {} from byte offset {at} on", self.encoding.name())
                    }
                    None => format!("is not {}", self.encoding.name()),
                },
                raw: Some(Raw::Bytes(bytes)),
            }),
        }))
    }

    /// Reads up to the end of a line and returns the number of bytes; those beyond the limit are
    /// discarded.
    fn read_line(&mut self, bytes: &mut Vec<u8>) -> io::Result<u64> {
        let mut length = 0u64;
        let mut last = [0u8; 2];
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(length);
            }
            // The second half of a little-endian line end may be in the next chunk.
            if self.encoding == UTF_16LE && length % 2 == 1 && last[1] == b'\n' && chunk[0] == 0 {
                push_bounded(bytes, &chunk[..1]);
                self.reader.consume(1);
                return Ok(length + 1);
            }
            let (taken, found) = match chunk.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (chunk.len(), false),
            };
            let before = if taken >= 2 { chunk[taken - 2] } else { last[1] };
            last = [before, chunk[taken - 1]];
            push_bounded(bytes, &chunk[..taken]);
            length += taken as u64;
            self.reader.consume(taken);
            let wide = self.encoding == UTF_16LE || self.encoding == UTF_16BE;
            let big_end = self.encoding == UTF_16BE && length.is_multiple_of(2) && last[0] == 0;
            if found && (!wide || big_end) {
                return Ok(length);
            }
        }
    }

    fn decode(&self, bytes: Vec<u8>) -> Result<String, (Option<usize>, Vec<u8>)> {
        if self.encoding == UTF_8 {
            return String::from_utf8(bytes).map_err(|error| {
                let at = error.utf8_error().valid_up_to();
                (Some(at), error.into_bytes())
            });
        }
        let text = self.encoding.decode_without_bom_handling_and_without_replacement(&bytes);
        match text {
            Some(text) => Ok(text.into_owned()),
            None => Err((None, bytes)),
        }
    }
}

fn push_bounded(bytes: &mut Vec<u8>, more: &[u8]) {
    let room = MAX_ROW_BYTES.saturating_sub(bytes.len());
    bytes.extend_from_slice(&more[..more.len().min(room)]);
}

fn text_line(number: u64, offset: u64, mut text: String) -> Result<Line, Broken> {
    let end = text.trim_end_matches('\n').len();
    text.truncate(end);
    if text.ends_with('\r') {
        text.truncate(end - 1);
    }
    if text.contains('\0') {
        let reason =
            "holds a NUL character; if all of the file does, it is UTF-16: give `encoding`";
        let raw = Some(Raw::Text(text));
        return Err(Broken { number, offset, reason: reason.to_owned(), raw });
    }
    Ok(Line { number, offset, text })
}
