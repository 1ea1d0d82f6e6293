//! The hash of a call's content, which tells a retry from another call of the same name.

use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::model::BodyHash;

/// The hash of a call whose message other calls have too: two calls of the same bytes are different
/// calls.
pub fn hash_of_call(name: &str, message: &impl Message) -> BodyHash {
    let mut call = name.as_bytes().to_vec();
    call.push(0);
    call.extend(message.encode_to_vec());
    half_of_sha256(&call)
}

/// The first 16 bytes of the SHA-256 of an encoded message. The encoding is the same each time:
/// fields go by number and maps are sorted; a field that the contract gains later leaves the hash
/// of a message without it as it is.
pub fn hash(message: &impl Message) -> BodyHash {
    half_of_sha256(&message.encode_to_vec())
}

fn half_of_sha256(bytes: &[u8]) -> BodyHash {
    let digest = Sha256::digest(bytes);
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}
