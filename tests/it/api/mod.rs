//! The services over real gRPC, each case on both databases.

mod bad_inputs;
mod identify;
mod record;
mod replay;
mod update;
