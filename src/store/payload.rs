//! An entry as it is stored: the bytes of a field 1 of `ListTimelineResponse`. A page is what the
//! rows hold, one behind the other, and is sent without being taken apart.

use prost::Message as _;
use uuid::Uuid;

use crate::{
    error::Error,
    model::{Micros, Position},
    pb,
};

/// The tag of field 1 with a length: how each entry of a page begins.
const FRAME_TAG: u8 = 0x0a;

/// What the store sets in an entry when it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub entry_id: Uuid,
    pub customer_id: Uuid,
    pub revision: i64,
    pub recorded_at: Micros,
}

/// The bytes to store. `content` is the encoded entry less the fields of the stamp; they come
/// first, since an encoded message is the sequence of its fields.
pub fn seal(stamp: Stamp, content: &[u8]) -> Vec<u8> {
    let stamped = pb::Entry {
        id: stamp.entry_id.to_string(),
        customer_id: stamp.customer_id.to_string(),
        revision: stamp.revision,
        recorded_at: Some(pb::timestamp(stamp.recorded_at)),
        ..pb::Entry::default()
    };
    let length = stamped.encoded_len() + content.len();
    let mut bytes = Vec::with_capacity(length + 6);
    bytes.push(FRAME_TAG);
    prost::encoding::encode_varint(length as u64, &mut bytes);
    // A Vec grows as needed: encoding into it cannot fail.
    let _ = stamped.encode(&mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// The entries of a page, encoded, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where each entry ends.
    ends: Vec<usize>,
}

impl Frames {
    /// Finds the entries in what the rows hold.
    pub fn split(bytes: Vec<u8>) -> Result<Self, Error> {
        let mut ends = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let mut rest = &bytes[at..];
            if rest[0] != FRAME_TAG {
                return Err(UNREADABLE);
            }
            rest = &rest[1..];
            let length = prost::encoding::decode_varint(&mut rest).map_err(|_| UNREADABLE)?;
            let length = usize::try_from(length).map_err(|_| UNREADABLE)?;
            at = bytes.len() - rest.len();
            if length > rest.len() {
                return Err(UNREADABLE);
            }
            at += length;
            ends.push(at);
        }
        Ok(Self { bytes, ends })
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Leaves the first `count` entries.
    pub fn truncate(&mut self, count: usize) {
        if let Some(last) = count.checked_sub(1) {
            if let Some(end) = self.ends.get(last) {
                self.bytes.truncate(*end);
            }
        } else {
            self.bytes.clear();
        }
        self.ends.truncate(count);
    }

    /// The encoded entries, each a field 1.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where the last entry stands in the timeline.
    pub fn last_position(&self) -> Result<Option<Position>, Error> {
        let Some(index) = self.ends.len().checked_sub(1) else { return Ok(None) };
        let begin = if index == 0 { 0 } else { self.ends[index - 1] };
        let entry = open(&self.bytes[begin..])?;
        let occurred_at = entry.occurred_at.ok_or(UNREADABLE)?;
        Ok(Some(Position {
            occurred_at: occurred_at.seconds * 1_000_000 + i64::from(occurred_at.nanos / 1000),
            entry_id: entry.id.parse().map_err(|_| UNREADABLE)?,
        }))
    }
}

/// The entry in what one row holds.
pub fn open(payload: &[u8]) -> Result<pb::Entry, Error> {
    let mut page = pb::ListTimelineResponse::decode(payload).map_err(|_| UNREADABLE)?;
    page.entries.pop().ok_or(UNREADABLE)
}

const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
