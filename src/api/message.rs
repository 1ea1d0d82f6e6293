//! Receives the message of a call completely before the call is made. Until then the call holds no
//! permit, and the announced bytes count: a client that withholds the last byte of many messages
//! takes neither the permits of others nor more memory than its share.
//!
//! A call has one message. tonic silently ignores what follows the first one, and its sender would
//! believe that it was recorded.

use std::{io::Read as _, time::Duration};

use flate2::read::GzDecoder;
use futures_util::FutureExt as _;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use prost::bytes::{Bytes, BytesMut};
use tokio::time::{Instant, timeout_at};
use tonic::{Code, Status, body::Body};

use super::{
    budget::{Budget, Holder, Reservation},
    status::refused,
};
use crate::{
    error::{Error, Exhausted},
    pb::ErrorReason,
};

/// The largest message, in bytes, as sent and when decompressed.
pub const MAX_REQUEST_BYTES: usize = 4 << 20;
/// Smaller messages are bounded by the number of calls, unless they are incomplete.
pub const SMALL_BYTES: usize = 16 << 10;
/// The approximate memory of a call that waits for its message, besides headers and message.
const CALL_BYTES: usize = 4 << 10;
/// The prefix of a message: one byte for compression, four for the length.
pub(super) const PREFIX_BYTES: usize = 5;
pub(super) const ENCODING: &str = "grpc-encoding";

/// How messages are received.
#[derive(Clone, Debug)]
pub struct Intake {
    /// The bytes of messages that are incomplete or being processed.
    pub bytes: Budget,
    /// The time limit for a complete message.
    pub timeout: Duration,
}

/// The reservations for a message, until its call has ended. Empty for a small one.
pub type Held = Vec<Reservation>;

/// Why a message was not received.
#[derive(Debug)]
pub enum NotReceived {
    NoRoom(Exhausted),
    Refused(Status),
}

impl From<Exhausted> for NotReceived {
    fn from(exhausted: Exhausted) -> Self {
        Self::NoRoom(exhausted)
    }
}

impl From<Status> for NotReceived {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

impl Intake {
    /// Receives the message of a call. The returned request contains all of it.
    pub async fn receive(
        &self,
        request: Request<Body>,
        holder: &Holder,
        deadline: Instant,
    ) -> Result<(Request<Body>, Held), NotReceived> {
        let (mut head, body) = request.into_parts();
        let mut message = Message::new(body);
        // Usually it has arrived already.
        match message.receive(self, holder).now_or_never() {
            Some(received) => received?,
            None => {
                let waiting = CALL_BYTES + header_bytes(&head.headers);
                message.hold(self, holder, waiting)?;
                let by = deadline.min(Instant::now() + self.timeout);
                let late = if by == deadline { Error::DeadlinePassed } else { Error::SlowSender };
                message.is_waited_for = true;
                let received = timeout_at(by, message.receive(self, holder)).await;
                received.map_err(|_| Status::from(late))??;
            }
        }
        let Message { parts, mut held, .. } = message;
        let mut bytes = parts.whole();
        if is_gzip(&bytes, &head.headers) {
            bytes = inflated(&bytes)?;
            head.headers.remove(ENCODING);
            if bytes.len() > SMALL_BYTES {
                held.push(self.bytes.reserve(holder, bytes.len())?);
            }
        }
        Ok((Request::from_parts(head, Body::new(Full::new(bytes))), held))
    }
}

/// A message being received.
struct Message {
    body: Body,
    position: Position,
    parts: Parts,
    held: Held,
    /// Whether its bytes count although they are few.
    is_waited_for: bool,
    /// Whether the announced bytes are reserved.
    is_announced: bool,
}

impl Message {
    fn new(body: Body) -> Self {
        let (position, parts) = (Position::default(), Parts::default());
        Self { body, position, parts, held: Vec::new(), is_waited_for: false, is_announced: false }
    }

    fn hold(&mut self, intake: &Intake, holder: &Holder, amount: usize) -> Result<(), Exhausted> {
        self.held.push(intake.bytes.reserve(holder, amount)?);
        Ok(())
    }

    /// Receives the rest. It can be dropped and restarted.
    async fn receive(&mut self, intake: &Intake, holder: &Holder) -> Result<(), NotReceived> {
        loop {
            if let Some(length) = self.position.length()
                && (self.is_waited_for || length > SMALL_BYTES)
                && !self.is_announced
            {
                if length > MAX_REQUEST_BYTES {
                    return Err(too_large().into());
                }
                self.hold(intake, holder, length)?;
                self.is_announced = true;
            }
            let Some(frame) = self.body.frame().await else { return Ok(()) };
            // Trailers after the message are ignored.
            let Ok(data) = frame?.into_data() else { continue };
            if !self.position.advance(&data) {
                let message = "the call takes one message";
                return Err(refused(Code::InvalidArgument, message, ErrorReason::Malformed).into());
            }
            self.parts.add(data, self.position.length());
        }
    }
}

/// The bytes received.
#[derive(Default)]
struct Parts {
    /// The first frame; usually all of it.
    first: Option<Bytes>,
    /// All frames if there are several, without the buffers that they were read into.
    all: BytesMut,
}

impl Parts {
    /// Appends bytes of a message with a known length.
    fn add(&mut self, data: Bytes, length: Option<usize>) {
        if self.first.is_none() && self.all.is_empty() {
            self.first = Some(data);
            return;
        }
        if let Some(first) = self.first.take() {
            self.all.extend_from_slice(&first);
        }
        if let Some(length) = length {
            self.all.reserve((PREFIX_BYTES + length).saturating_sub(self.all.len()));
        }
        self.all.extend_from_slice(&data);
    }

    fn whole(self) -> Bytes {
        self.first.unwrap_or_else(|| self.all.freeze())
    }
}

/// The progress of a message.
#[derive(Debug, Default)]
struct Position {
    prefix: [u8; PREFIX_BYTES],
    prefix_read: usize,
    message_read: usize,
}

impl Position {
    /// The announced length.
    fn length(&self) -> Option<usize> {
        let [_, length @ ..] = self.prefix;
        // A length beyond the address space is too large in any case.
        let length = || usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        (self.prefix_read == PREFIX_BYTES).then(length)
    }

    /// Consumes bytes; false if they go beyond the message.
    fn advance(&mut self, bytes: &[u8]) -> bool {
        let (prefix, message) = bytes.split_at(bytes.len().min(PREFIX_BYTES - self.prefix_read));
        self.prefix[self.prefix_read..][..prefix.len()].copy_from_slice(prefix);
        self.prefix_read += prefix.len();
        self.message_read += message.len();
        message.is_empty() || self.length().is_some_and(|length| self.message_read <= length)
    }
}

fn header_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Whether a message must be decompressed here. tonic refuses other compressions.
fn is_gzip(message: &[u8], headers: &HeaderMap) -> bool {
    message.first() == Some(&1) && headers.get(ENCODING).is_some_and(|encoding| encoding == "gzip")
}

/// Decompresses a message: its real size counts, not the size sent.
fn inflated(message: &[u8]) -> Result<Bytes, Status> {
    let mut bytes = vec![0; PREFIX_BYTES];
    let compressed = message.get(PREFIX_BYTES..).unwrap_or_default();
    let mut decoder = GzDecoder::new(compressed).take(MAX_REQUEST_BYTES as u64 + 1);
    decoder.read_to_end(&mut bytes).map_err(|_| malformed())?;
    let length = bytes.len() - PREFIX_BYTES;
    let length = u32::try_from(length).ok().filter(|_| length <= MAX_REQUEST_BYTES);
    bytes[1..PREFIX_BYTES].copy_from_slice(&length.ok_or_else(too_large)?.to_be_bytes());
    Ok(bytes.into())
}

/// The error for a malformed message.
pub fn malformed() -> Status {
    let message = "the request is not a valid protobuf message of this call";
    refused(Code::InvalidArgument, message, ErrorReason::Malformed)
}

pub fn too_large() -> Status {
    let message = format!("the message is larger than {MAX_REQUEST_BYTES} bytes");
    refused(Code::ResourceExhausted, message, ErrorReason::MessageTooLarge)
}

#[cfg(test)]
mod tests {
    use super::Position;

    /// Whether bytes are one message or a part of one, however they are split.
    #[track_caller]
    fn check(bytes: &[u8], one: bool) {
        for size in 1..=bytes.len() {
            let mut position = Position::default();
            let all = bytes.chunks(size).all(|piece| position.advance(piece));
            assert_eq!(all, one, "{bytes:?} in pieces of {size}");
        }
    }

    #[test]
    fn one_message_passes_and_a_second_one_does_not() {
        check(&[0, 0, 0, 0, 3, b'a', b'b', b'c'], true);
        check(&[0, 0, 0, 0, 3, b'a', b'b'], true);
        check(&[0, 0, 0, 0, 0], true);
        check(&[0, 0], true);
        check(&[0, 0, 0, 0, 3, b'a', b'b', b'c', 0], false);
        check(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0], false);
    }
}
