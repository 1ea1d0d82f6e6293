//! Stored entries: the bytes of a field 1 of `ListTimelineResponse`. A page is the concatenation of
//! the rows, and is sent without decoding.

use prost::Message as _;
use uuid::Uuid;

use crate::{
    error::Error,
    model::{Identifier, IdentityChange, Micros, Position, RequestContext},
    pb,
};

/// The tag of field 1: each entry of a page begins with it.
const FRAME_TAG: u8 = 0x0a;

/// The fields of an entry that the store sets.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub entry_id: Uuid,
    pub customer_id: Uuid,
    pub revision: i64,
    pub recorded_at: Micros,
    /// The case of the entry.
    pub case_id: Option<Uuid>,
}

/// The bytes to store. `content` is the encoded entry without the fields of the stamp; these come
/// first, since an encoded message is the sequence of its fields.
pub fn seal(stamp: Stamp, content: &[u8]) -> Vec<u8> {
    let stamped = pb::Entry {
        id: stamp.entry_id.to_string(),
        customer_id: stamp.customer_id.to_string(),
        revision: stamp.revision,
        recorded_at: Some(pb::timestamp(stamp.recorded_at)),
        case_id: stamp.case_id.map(|id| id.to_string()).unwrap_or_default(),
        ..pb::Entry::default()
    };
    let length = stamped.encoded_len() + content.len();
    let mut bytes = Vec::with_capacity(length + 6);
    bytes.push(FRAME_TAG);
    prost::encoding::encode_varint(length as u64, &mut bytes);
    // A Vec grows as needed, so that encoding cannot fail.
    let _ = stamped.encode(&mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// The content of an entry about a change of identity.
pub fn identity_change(
    context: &RequestContext,
    occurred_at: Micros,
    change: &IdentityChange,
) -> Vec<u8> {
    use pb::identity_change::Change;
    let mut content = pb::IdentityChange {
        actor: context.actor.clone(),
        reason: context.reason.clone(),
        ..pb::IdentityChange::default()
    };
    let mut set_kind = |change: Change| content.change = change.into();
    match change {
        IdentityChange::Linked(identifier, verification) => {
            set_kind(Change::Linked);
            content.identifier = Some(named(identifier));
            content.verification = pb::IdentifierVerification::from(*verification).into();
        }
        IdentityChange::Unlinked(identifier) => {
            set_kind(Change::Unlinked);
            content.identifier = Some(named(identifier));
        }
        IdentityChange::Merged { into_id, merge_id, evidence } => {
            set_kind(Change::Merged);
            content.other_customer_id = into_id.to_string();
            content.merge_id = merge_id.to_string();
            content.evidence.clone_from(evidence);
        }
        IdentityChange::Unmerged { other_id, merge_id } => {
            set_kind(Change::Unmerged);
            content.other_customer_id = other_id.to_string();
            content.merge_id = merge_id.to_string();
        }
        IdentityChange::MergeExcluded { other_id } => {
            set_kind(Change::MergeExcluded);
            content.other_customer_id = other_id.to_string();
        }
        IdentityChange::MergeExclusionLifted { other_id } => {
            set_kind(Change::MergeExclusionLifted);
            content.other_customer_id = other_id.to_string();
        }
    }
    let entry = pb::Entry {
        occurred_at: Some(pb::timestamp(occurred_at)),
        content: Some(pb::entry::Content::IdentityChange(content)),
        ..pb::Entry::default()
    };
    entry.encode_to_vec()
}

fn named(identifier: &Identifier) -> pb::Identifier {
    pb::Identifier {
        kind: pb::IdentifierKind::from(identifier.kind).into(),
        namespace: identifier.namespace.clone(),
        value: identifier.value.clone(),
        ..pb::Identifier::default()
    }
}

/// The encoded entries of a page, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    bytes: Vec<u8>,
    /// Where each entry ends.
    ends: Vec<usize>,
}

impl Frames {
    /// Splits concatenated rows into entries.
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

    /// Keeps the first `count` entries.
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

    /// Removes the entries of some records. It decodes the record of each entry, so use it only if
    /// there may be any.
    pub fn without(self, is_left_out: impl Fn(Uuid) -> bool) -> Result<Self, Error> {
        let mut left = Self::default();
        let mut begin = 0;
        for end in self.ends {
            let frame = &self.bytes[begin..end];
            begin = end;
            let page = StampedPage::decode(frame).map_err(|_| UNREADABLE)?;
            let record = page.entries.last().and_then(|entry| entry.customer_id.parse().ok());
            if !is_left_out(record.ok_or(UNREADABLE)?) {
                left.bytes.extend_from_slice(frame);
                left.ends.push(left.bytes.len());
            }
        }
        Ok(left)
    }

    /// Changes entries: `change` returns whether it has changed an entry.
    pub fn changed(self, change: impl Fn(&mut pb::Entry) -> bool) -> Result<Self, Error> {
        let mut changed = Self::default();
        let mut begin = 0;
        for end in self.ends {
            let frame = &self.bytes[begin..end];
            begin = end;
            let mut entry = open(frame)?;
            if change(&mut entry) {
                let page = pb::ListTimelineResponse { entries: vec![entry], ..Default::default() };
                changed.bytes.extend(page.encode_to_vec());
            } else {
                changed.bytes.extend_from_slice(frame);
            }
            changed.ends.push(changed.bytes.len());
        }
        Ok(changed)
    }

    /// The encoded entries, each a field 1.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The encoded entries, without their boundaries.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The records of the entries, in order.
    pub fn customer_ids(&self) -> Result<Vec<String>, Error> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let ranges = begins.zip(&self.ends);
        ranges.map(|(begin, end)| Ok(open(&self.bytes[begin..*end])?.customer_id)).collect()
    }

    /// The position of the last entry in the timeline.
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

/// Decodes the entry of a row.
pub fn open(payload: &[u8]) -> Result<pb::Entry, Error> {
    let mut page = pb::ListTimelineResponse::decode(payload).map_err(|_| UNREADABLE)?;
    page.entries.pop().ok_or(UNREADABLE)
}

/// Decodes the entries of a page.
pub fn open_all(payloads: &[u8]) -> Result<Vec<pb::Entry>, Error> {
    let page = pb::ListTimelineResponse::decode(payloads).map_err(|_| UNREADABLE)?;
    Ok(page.entries)
}

/// The revision of the entry of a row.
pub fn revision(payload: &[u8]) -> Result<i64, Error> {
    let page = StampedPage::decode(payload).map_err(|_| UNREADABLE)?;
    page.entries.last().map(|entry| entry.revision).ok_or(UNREADABLE)
}

/// Whether the entry of a row belongs to a case.
pub fn is_of_case(payload: &[u8], case_id: Uuid) -> Result<bool, Error> {
    let page = StampedPage::decode(payload).map_err(|_| UNREADABLE)?;
    let entry = page.entries.last().ok_or(UNREADABLE)?;
    Ok(entry.case_id == case_id.to_string())
}

/// The parts of a `ListTimelineResponse` that are decoded; the rest is skipped.
#[derive(Clone, PartialEq, prost::Message)]
struct StampedPage {
    #[prost(message, repeated, tag = "1")]
    entries: Vec<Stamped>,
}

/// The parts of an `Entry` that are decoded; the rest is skipped.
#[derive(Clone, PartialEq, prost::Message)]
struct Stamped {
    #[prost(string, tag = "2")]
    customer_id: String,
    #[prost(int64, tag = "3")]
    revision: i64,
    #[prost(string, tag = "14")]
    case_id: String,
}

const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
