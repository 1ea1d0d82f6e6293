//! The messages, clients and services of `proto/throughline/v1`, as generated.

#![allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all)]

use crate::model;

tonic::include_proto!("throughline.v1");

/// What the server implements.
pub mod services {
    include!(concat!(env!("OUT_DIR"), "/services/throughline.v1.rs"));
}

/// A point in time as the contract has it, from microseconds since 1970 UTC.
pub fn timestamp(micros: i64) -> prost_types::Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000)).unwrap_or(0) * 1000;
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

impl From<model::IdentifierKind> for IdentifierKind {
    fn from(kind: model::IdentifierKind) -> Self {
        match kind {
            model::IdentifierKind::CustomerNumber => Self::CustomerNumber,
            model::IdentifierKind::Account => Self::Account,
            model::IdentifierKind::LoyaltyCard => Self::LoyaltyCard,
            model::IdentifierKind::External => Self::External,
            model::IdentifierKind::Email => Self::Email,
            model::IdentifierKind::Social => Self::Social,
            model::IdentifierKind::Phone => Self::Phone,
            model::IdentifierKind::Cookie => Self::Cookie,
        }
    }
}

impl From<model::Proof> for IdentifierProof {
    fn from(proof: model::Proof) -> Self {
        match proof {
            model::Proof::Claimed => Self::Claimed,
            model::Proof::Verified => Self::Verified,
            model::Proof::Shared => Self::Shared,
        }
    }
}

/// Every descriptor of the contract, encoded as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
