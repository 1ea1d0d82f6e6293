//! The messages, clients and services of `proto/throughline/v1`, as generated.

#![allow(clippy::all, clippy::pedantic, missing_docs, rustdoc::all)]

tonic::include_proto!("throughline.v1");

/// What the server implements.
pub mod services {
    include!(concat!(env!("OUT_DIR"), "/services/throughline.v1.rs"));
}

/// Every descriptor of the contract, encoded as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
