//! Whether the log that stands beside a database file belongs to it.
//!
//! SQLite itself cannot tell: it plays whatever stands in `FILE-wal` into `FILE`, even where a
//! crash left the log and somebody has copied a backup over the file since. So each transaction
//! counts in `write_count`, a table of one row: a log belongs to a file if it goes on from the
//! number that the file has. The file is read here without SQLite, which would play the log at its
//! first look. `user_version` says which page has the row.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    mem,
    path::Path,
};

/// Whether a log belongs to a database file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs {
    Yes,
    No,
    /// Nothing in them was counted: an older version wrote them.
    Unknown,
}

/// How a database file begins.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
/// How a log begins; its last bit says in which order its checksums take bytes.
const LOG_MAGIC: u32 = 0x377f_0682;
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Compares a database file with the log beside it. Nobody may have either open.
pub fn belongs(database: &Path, log: &Path) -> io::Result<Belongs> {
    let mut file = File::open(database)?;
    let header = read_array::<HEADER_BYTES>(&mut file)?;
    let found = compare(&mut file, header, log);
    // To close any descriptor of a file takes away the locks that this process has on it by
    // another. Nobody should have it open, but where somebody does that would be the end of it.
    mem::forget(file);
    found
}

fn compare(file: &mut File, header: Option<[u8; HEADER_BYTES]>, log: &Path) -> io::Result<Belongs> {
    let root = header.map_or(0, |header| word(&header, 60));
    let log = read_log(log, root)?;
    if log.transactions == 0 {
        // There is nothing to play.
        return Ok(Belongs::Yes);
    }
    let Some(header) = header else { return Ok(Belongs::No) };
    // A file that says that it has no log was put there: SQLite begins a log after it has said so.
    let has_log = header[18] == 2 && header[19] == 2;
    if !header.starts_with(MAGIC) || !has_log || page_bytes(&header) != log.page_bytes {
        return Ok(Belongs::No);
    }
    let (Some((first, last)), 2..) = (log.counts, root) else { return Ok(Belongs::Unknown) };
    let mut page = vec![0; log.page_bytes];
    file.seek(SeekFrom::Start((u64::from(root) - 1) * page.len() as u64))?;
    let count = if fill(file, &mut page)? { count(&page) } else { None };
    Ok(match count {
        None => Belongs::Unknown,
        // Any part of the log may be in the file already.
        Some(count) if first - 1 <= count && count <= last => Belongs::Yes,
        Some(_) => Belongs::No,
    })
}

/// What SQLite would play of a log.
#[derive(Debug, Default)]
struct Log {
    page_bytes: usize,
    transactions: u64,
    /// The first and the last number that was counted. Nothing where the page of the count holds
    /// something else.
    counts: Option<(i64, i64)>,
}

/// Reads the transactions that were committed: up to the first frame that is of an older round of
/// the log, or torn.
fn read_log(path: &Path, root: u32) -> io::Result<Log> {
    let mut log = Log::default();
    let mut file = BufReader::new(File::open(path)?);
    let Some(header) = read_array::<LOG_HEADER_BYTES>(&mut file)? else { return Ok(log) };
    let mut sum = Checksum { sum: (0, 0), is_big_endian: word(&header, 0) & 1 == 1 };
    sum.add(&header[..24]);
    log.page_bytes = usize::try_from(word(&header, 8)).unwrap_or(0);
    let is_log = word(&header, 0) & !1 == LOG_MAGIC && sum.is(&header[24..]);
    if !is_log || !(512..=65536).contains(&log.page_bytes) {
        return Ok(log);
    }
    let mut page = vec![0; log.page_bytes];
    // The counts of the transaction at hand; nothing in them is what cannot be read.
    let mut pending: Vec<Option<i64>> = Vec::new();
    let mut is_readable = true;
    while let Some(frame) = read_array::<FRAME_HEADER_BYTES>(&mut file)?
        && fill(&mut file, &mut page)?
    {
        sum.add(&frame[..8]);
        sum.add(&page);
        if frame[8..16] != header[16..24] || !sum.is(&frame[16..]) {
            break;
        }
        if word(&frame, 0) == root {
            pending.push(count(&page));
        }
        let is_commit = word(&frame, 4) > 0;
        if is_commit {
            log.transactions += 1;
            for count in pending.drain(..) {
                is_readable &= count.is_some();
                let span = |count| (log.counts.map_or(count, |(first, _)| first), count);
                log.counts = count.map(span);
            }
        }
    }
    log.counts.take_if(|_| !is_readable);
    Ok(log)
}

/// The number in a page of the table of one row, which has taken eight bytes since it was made.
fn count(page: &[u8]) -> Option<i64> {
    // A leaf of a table with one cell, whose row has an id of one byte.
    let is_one_row = page[0] == 0x0d && page[3..5] == [0, 1];
    let cell = usize::from(u16::from_be_bytes([page[8], page[9]]));
    // The length of the row, its id, the length of its header, and one column of eight bytes.
    let (head, value) = page.get(cell..cell + 12)?.split_at(4);
    let is_count = is_one_row && head[0] == 10 && head[1] < 0x80 && head[2..] == [2, 6];
    is_count.then(|| value.try_into().map_or(0, i64::from_be_bytes))
}

/// The sums that SQLite keeps over a log.
struct Checksum {
    sum: (u32, u32),
    is_big_endian: bool,
}

impl Checksum {
    fn add(&mut self, bytes: &[u8]) {
        let (mut one, mut two) = self.sum;
        for pair in bytes.chunks_exact(8) {
            let [mut a, mut b] = [word(pair, 0), word(pair, 4)];
            if !self.is_big_endian {
                (a, b) = (a.swap_bytes(), b.swap_bytes());
            }
            one = one.wrapping_add(a).wrapping_add(two);
            two = two.wrapping_add(b).wrapping_add(one);
        }
        self.sum = (one, two);
    }

    fn is(&self, bytes: &[u8]) -> bool {
        self.sum == (word(bytes, 0), word(bytes, 4))
    }
}

fn page_bytes(header: &[u8; HEADER_BYTES]) -> usize {
    match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        bytes => usize::from(bytes),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_be_bytes)
}

/// The next bytes; nothing where the file ends within them.
fn read_array<const N: usize>(file: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    Ok(fill(file, &mut bytes)?.then_some(bytes))
}

/// Whether there were as many bytes.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
