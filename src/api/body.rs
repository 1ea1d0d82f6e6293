//! Hashes of requests, which distinguish a retry from another call with the same idempotency key.

use prost::Message;
use sha2::{Digest as _, Sha256};

use crate::model::BodyHash;

/// The hash of a call whose message type other calls have too: equal bytes of different calls have
/// different hashes.
pub fn hash_of_call(name: &str, message: &impl Message) -> BodyHash {
    let mut call = name.as_bytes().to_vec();
    call.push(0);
    call.extend(message.encode_to_vec());
    half_of_sha256(&call)
}

/// The first 16 bytes of the SHA-256 of an encoded message. The encoding is deterministic: fields
/// are in the order of their numbers, and maps are sorted. A field that the contract gains later
/// does not change the hash of a message without it.
pub fn hash(message: &impl Message) -> BodyHash {
    half_of_sha256(&message.encode_to_vec())
}

fn half_of_sha256(bytes: &[u8]) -> BodyHash {
    let digest = Sha256::digest(bytes);
    let mut hash = [0; 16];
    hash.copy_from_slice(&digest[..16]);
    hash
}
