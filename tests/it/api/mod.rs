//! The services over real gRPC, each case on both databases.

mod bad_inputs;
mod batch;
mod identify;
mod large;
mod lists;
mod orders;
mod record;
mod replay;
mod update;
