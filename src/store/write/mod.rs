//! The rows of a write, and how a change of one customer is written.

pub mod change;
pub mod entries;
pub mod facts;
pub mod idempotency;
pub mod match_queue;
pub mod orders;
pub mod revisions;
pub mod writes;
