//! Signatures of tokens that clients return, such as the position of a page. A signature binds a
//! token to one call and its content: forged tokens and tokens of other calls are detected.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Half of an HMAC-SHA256, the minimum of RFC 2104, section 5.
pub const MAC_BYTES: usize = 16;

/// Signs and verifies the tokens of one call.
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

    /// Appends the signature to some bytes.
    pub fn sign(&self, bytes: &mut Vec<u8>) {
        let mac = self.mac_of(bytes).finalize().into_bytes();
        bytes.extend(&mac[..MAC_BYTES]);
    }

    /// The bytes without their signature, if it is valid.
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

/// Prints no key.
impl std::fmt::Debug for Signature {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Signature").finish_non_exhaustive()
    }
}
