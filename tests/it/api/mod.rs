//! The services over real gRPC, each case on both databases.

mod bad_inputs;
mod replay;
