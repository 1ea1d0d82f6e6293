//! Signs what a client is given to bring back, such as where a page ended. The signature binds it
//! to one call and its content: what a client makes up, or brings to another call, is known.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Half of an HMAC-SHA256 (RFC 2104, section 5, allows no less).
pub const MAC_BYTES: usize = 16;

/// The signatures of one call.
#[derive(Clone)]
pub struct Signature {
    mac: Hmac<Sha256>,
    /// The name of the call and its content.
    call: Vec<u8>,
}

impl Signature {
    pub fn new(key: &[u8], name: &str, content: &[u8]) -> Self {
        #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
        let mac = Hmac::new_from_slice(key).expect("a key of any length");
        let mut call = name.as_bytes().to_vec();
        call.push(0);
        call.extend(content);
        Self { mac, call }
    }

    /// Adds the signature of some bytes to them.
    pub fn sign(&self, bytes: &mut Vec<u8>) {
        let mac = self.mac_of(bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
    }

    /// The bytes without the signature behind them, where it is right.
    pub fn verify<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (signed, mac) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        self.mac_of(signed).verify_truncated_left(mac).ok()?;
        Some(signed)
    }

    fn mac_of(&self, bytes: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.mac.clone();
        mac.update(bytes);
        mac.update(&self.call);
        mac
    }
}

/// Shows no key.
impl std::fmt::Debug for Signature {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Signature").finish_non_exhaustive()
    }
}
