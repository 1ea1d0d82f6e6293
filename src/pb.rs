//! The messages, clients and services of `proto/throughline/v1`, as generated.

#![allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all)]

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

/// Every descriptor of the contract, encoded as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
