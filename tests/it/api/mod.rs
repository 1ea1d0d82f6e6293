//! The services over real gRPC, each case on both databases.

mod bad_inputs;
mod batch;
mod briefings;
mod callers;
mod cancelled;
mod candidates;
pub mod cases;
mod discovery;
mod entry_cases;
mod identify;
mod large;
mod links;
mod lists;
mod merges;
mod orders;
pub mod promises;

mod purchases;
mod record;
mod replay;
mod same_hits;
mod search;
mod search_customers;
mod suggestions;
mod under_way;
mod unmerges;
mod update;
