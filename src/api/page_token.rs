//! Page tokens: the position at which a page ended, signed for the call. A forged token, or one of
//! another call, is refused.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost::Message;
use uuid::Uuid;

use super::signature::{MAC_BYTES, Signature};
use crate::{error::Error, model::Position};

/// 8 bytes of time and 16 of id.
const POSITION_BYTES: usize = 24;
const TOKEN_CHARS: usize = (POSITION_BYTES + MAC_BYTES).div_ceil(3) * 4;

/// Signs and verifies the tokens of a call.
pub struct PageTokens(Signature);

impl PageTokens {
    /// `request` is the call without `page_token` and `page_size`: the size may change from page to
    /// page.
    pub fn new(key: &[u8], name: &str, request: &impl Message) -> Self {
        Self(Signature::new(key, name, &request.encode_to_vec()))
    }

    /// The token for the page after a position; empty if there is none.
    pub fn write(&self, position: Option<Position>) -> String {
        let Some(position) = position else { return String::new() };
        let mut token = position.occurred_at.to_be_bytes().to_vec();
        token.extend(position.entry_id.as_bytes());
        self.0.sign(&mut token);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position of a token; None for the first page.
    pub fn read(&self, token: &str) -> Result<Option<Position>, Error> {
        if token.is_empty() {
            return Ok(None);
        }
        if token.len() > TOKEN_CHARS {
            return Err(Error::BadPageToken);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Error::BadPageToken)?;
        let position = self.0.verify(&bytes).ok_or(Error::BadPageToken)?;
        let (time, id) = position.split_at_checked(8).ok_or(Error::BadPageToken)?;
        Ok(Some(Position {
            occurred_at: i64::from_be_bytes(time.try_into().map_err(|_| Error::BadPageToken)?),
            entry_id: Uuid::from_slice(id).map_err(|_| Error::BadPageToken)?,
        }))
    }
}
