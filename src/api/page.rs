//! A page of entries as it is sent. Entries are sent as they are stored, since the stored bytes are
//! already the encoded field of the response.

use prost::{
    DecodeError, Message,
    bytes::{Buf, BufMut},
    encoding::{self, DecodeContext, WireType},
};

use crate::store::Frames;

/// A `ListTimelineResponse`, or a `SearchTimelineResponse` if the last two fields are empty. It is
/// only sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EncodedPage {
    /// Field 1, encoded with its tags.
    pub entries: Frames,
    /// Field 2.
    pub next_page_token: String,
    /// Field 3.
    pub customer_id: String,
    /// Field 4.
    pub customer_revision: i64,
}

impl Message for EncodedPage {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(self.entries.bytes());
        if !self.next_page_token.is_empty() {
            encoding::string::encode(2, &self.next_page_token, buf);
        }
        if !self.customer_id.is_empty() {
            encoding::string::encode(3, &self.customer_id, buf);
        }
        if self.customer_revision != 0 {
            encoding::int64::encode(4, &self.customer_revision, buf);
        }
    }

    fn encoded_len(&self) -> usize {
        let mut length = self.entries.bytes().len();
        if !self.next_page_token.is_empty() {
            length += encoding::string::encoded_len(2, &self.next_page_token);
        }
        if !self.customer_id.is_empty() {
            length += encoding::string::encoded_len(3, &self.customer_id);
        }
        if self.customer_revision != 0 {
            length += encoding::int64::encoded_len(4, &self.customer_revision);
        }
        length
    }

    /// The server never receives a page.
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
        *self = Self::default();
    }
}
