//! Page tokens: where the page ended, and a signature that binds it to the call. A client that
//! makes one up, or uses one for another call, is told so.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use prost::Message;
use sha2::Sha256;
use uuid::Uuid;

use crate::{error::Error, model::Position};

/// 8 bytes of time and 16 of id.
const POSITION_BYTES: usize = 24;
/// Half of an HMAC-SHA256 (RFC 2104, section 5, allows no less).
const MAC_BYTES: usize = 16;
const TOKEN_CHARS: usize = (POSITION_BYTES + MAC_BYTES).div_ceil(3) * 4;

/// Signs and reads the tokens of one call.
pub struct PageTokens<'a> {
    key: &'a [u8],
    /// The name of the call and its content, less the page.
    call: Vec<u8>,
}

impl<'a> PageTokens<'a> {
    /// `request` is the call without `page_token` and `page_size`: the size of a page may change
    /// from one to the next.
    pub fn new(key: &'a [u8], name: &str, request: &impl Message) -> Self {
        let mut call = name.as_bytes().to_vec();
        call.push(0);
        call.extend(request.encode_to_vec());
        Self { key, call }
    }

    /// The token of a page that ends here; empty where there is no next one.
    pub fn write(&self, position: Option<Position>) -> String {
        let Some(position) = position else { return String::new() };
        let mut token = position.occurred_at.to_be_bytes().to_vec();
        token.extend(position.entry_id.as_bytes());
        let mac = self.mac(&token).finalize().into_bytes();
        token.extend(&mac[..MAC_BYTES]);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Where the page before ended; nothing for the first page.
    pub fn read(&self, token: &str) -> Result<Option<Position>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        if token.len() > TOKEN_CHARS {
            return Err(Error::BadPageToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::BadPageToken)?;
        let (position, mac) = bytes.split_at_checked(POSITION_BYTES).ok_or(Error::BadPageToken)?;
        if mac.len() != MAC_BYTES {
            return Err(Error::BadPageToken);
        }
        self.mac(position).verify_truncated_left(mac).map_err(|_| Error::BadPageToken)?;
        let (time, id) = position.split_at(8);
        Ok(Some(Position {
            occurred_at: i64::from_be_bytes(time.try_into().map_err(|_| Error::BadPageToken)?),
            entry_id: Uuid::from_slice(id).map_err(|_| Error::BadPageToken)?,
        }))
    }

    fn mac(&self, position: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key).expect("a key of any length");
        mac.update(position);
        mac.update(&self.call);
        mac
    }
}
