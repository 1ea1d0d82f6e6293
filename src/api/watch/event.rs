//! Events of a watch as they are sent. Entries are sent as they are stored, since the stored bytes
//! are already the encoded field of the event.

use std::sync::Arc;

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{self, DecodeContext, WireType},
};

use crate::{
    api::budget::Reservation,
    pb::{self, watch_timeline_response as response},
    store::Person,
};

/// An encoded `WatchTimelineResponse`. It is only sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedEvent(Vec<u8>);

/// An event with the token to resume after it.
#[derive(Debug)]
pub struct Event {
    pub encoded: EncodedEvent,
    pub resume_token: String,
    /// The reservation of the page that it is part of, until the event is taken. Other events are
    /// small.
    held: Option<Arc<Reservation>>,
}

impl Event {
    /// An entry as it is stored: a field 1.
    pub fn entry(payload: Vec<u8>, held: Arc<Reservation>) -> Self {
        Self { held: Some(held), ..Self::small(payload) }
    }

    fn small(encoded: Vec<u8>) -> Self {
        Self { encoded: EncodedEvent(encoded), resume_token: String::new(), held: None }
    }

    pub fn heartbeat() -> Self {
        Self::of(response::Event::Heartbeat(pb::WatchHeartbeat {}))
    }

    pub fn customer(person: &Person) -> Self {
        let others = person.records.keys().filter(|record| **record != person.id);
        let records = std::iter::once(&person.id).chain(others);
        Self::of(response::Event::Customer(pb::WatchedCustomer {
            customer_id: person.id.to_string(),
            record_ids: records.map(ToString::to_string).collect(),
        }))
    }

    fn of(event: response::Event) -> Self {
        let event = pb::WatchTimelineResponse { event: Some(event), ..Default::default() };
        Self::small(event.encode_to_vec())
    }

    /// Appends the token: an encoded message is the sequence of its fields.
    pub fn with_token(self, resume_token: String) -> Self {
        let Self { encoded: EncodedEvent(mut bytes), held, .. } = self;
        encoding::string::encode(4, &resume_token, &mut bytes);
        Self { encoded: EncodedEvent(bytes), resume_token, held }
    }
}

impl Message for EncodedEvent {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    /// The server never receives an event.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        encoding::skip_field(wire_type, tag, buf, ctx)
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}
