//! The body of a call that takes one message. tonic reads what follows the first one and leaves it
//! out without a word; whoever sent it would believe that it was recorded.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::{Code, Status, body::Body};

use super::status::refused;
use crate::pb::ErrorReason;

/// Whether a message is compressed, in one byte, and its length, in four.
const PREFIX_BYTES: usize = 5;

/// A body that fails where a second message begins.
#[derive(Debug)]
pub struct OneMessage {
    body: Body,
    position: Position,
}

/// How far the message has come.
#[derive(Debug, Default)]
struct Position {
    prefix: [u8; PREFIX_BYTES],
    prefix_read: usize,
    message_read: usize,
}

impl OneMessage {
    pub fn of(body: Body) -> Body {
        Body::new(Self { body, position: Position::default() })
    }
}

impl http_body::Body for OneMessage {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && !self.position.advance(data)
        {
            let message = "the call takes one message";
            let status = refused(Code::InvalidArgument, message, ErrorReason::Malformed);
            return Poll::Ready(Some(Err(status)));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Position {
    /// Goes over the next bytes; false where they go beyond the message.
    fn advance(&mut self, bytes: &[u8]) -> bool {
        let (prefix, message) = bytes.split_at(bytes.len().min(PREFIX_BYTES - self.prefix_read));
        self.prefix[self.prefix_read..][..prefix.len()].copy_from_slice(prefix);
        self.prefix_read += prefix.len();
        self.message_read += message.len();
        let [_, length @ ..] = self.prefix;
        let length = u32::from_be_bytes(length);
        message.is_empty() || usize::try_from(length).is_ok_and(|it| self.message_read <= it)
    }
}

#[cfg(test)]
mod tests {
    use super::Position;

    /// Whether bytes are one message or a part of one, however they are cut into pieces.
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
