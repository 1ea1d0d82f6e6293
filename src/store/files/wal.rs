//! Determines whether a write-ahead log belongs to its database file.
//!
//! SQLite itself cannot tell: it replays whatever is in `FILE-wal` into `FILE`, even if a crash
//! left the log and somebody has since copied a backup over the file. So each transaction
//! increments the counter in `write_count`, a table of one row: a log belongs to a file if it
//! continues from the counter of the file. The file is read here without SQLite, which would replay
//! the log at once. `user_version` holds the page of the row.

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
    /// They have no counter: an older version wrote them.
    Unknown,
}

/// The beginning of a database file.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
const HEADER_BYTES: usize = 100;
/// The beginning of a log; its last bit determines the byte order of its checksums.
const LOG_MAGIC: u32 = 0x377f_0682;
const LOG_HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;

/// Compares a database file with the log beside it. Nobody may have either open.
pub fn belongs(database: &Path, log: &Path) -> io::Result<Belongs> {
    let mut file = File::open(database)?;
    let header = read_array::<HEADER_BYTES>(&mut file)?;
    let found = compare(&mut file, header, log);
    // Closing any descriptor of a file releases the locks that this process holds on it through
    // others. Nobody should have it open, but if somebody does, that would be fatal.
    mem::forget(file);
    found
}

fn compare(file: &mut File, header: Option<[u8; HEADER_BYTES]>, log: &Path) -> io::Result<Belongs> {
    let root = header.map_or(0, |header| word(&header, 60));
    let log = read_log(log, root)?;
    if log.transactions == 0 {
        // There is nothing to replay.
        return Ok(Belongs::Yes);
    }
    let Some(header) = header else { return Ok(Belongs::No) };
    // A file whose header says that it has no log was put there: SQLite begins a log only after
    // changing the header.
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

/// What SQLite would replay of a log.
#[derive(Debug, Default)]
struct Log {
    page_bytes: usize,
    transactions: u64,
    /// The first and the last counter. None if the page of the counter contains something else.
    counts: Option<(i64, i64)>,
}

/// Reads the committed transactions, up to the first frame that is torn or of an older generation
/// of the log.
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
    // The counters of the current transaction; None for unreadable ones.
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

/// The counter in a page of the table, which always takes eight bytes.
fn count(page: &[u8]) -> Option<i64> {
    // A leaf page of a table with one cell, whose row has a one-byte id.
    let is_one_row = page[0] == 0x0d && page[3..5] == [0, 1];
    let cell = usize::from(u16::from_be_bytes([page[8], page[9]]));
    // The length of the row, its id, the length of its header, and one column of eight bytes.
    let (head, value) = page.get(cell..cell + 12)?.split_at(4);
    let is_count = is_one_row && head[0] == 10 && head[1] < 0x80 && head[2..] == [2, 6];
    is_count.then(|| value.try_into().map_or(0, i64::from_be_bytes))
}

/// The checksums of a log.
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

/// The next bytes; None at the end of the file.
fn read_array<const N: usize>(file: &mut impl Read) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    Ok(fill(file, &mut bytes)?.then_some(bytes))
}

/// Whether there were enough bytes.
fn fill(file: &mut impl Read, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
