//! The services over real gRPC, each case on both databases.

mod bad_inputs;
mod batch;
mod cancelled;
mod discovery;
mod identify;
mod large;
mod lists;
mod orders;
mod record;
mod replay;
mod same_hits;
mod search;
mod search_customers;
mod under_way;
mod update;
