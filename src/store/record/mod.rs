//! Records entries and customers in batches: collect, read and lock, decide, write.

pub mod plan;
pub mod recorder;
pub mod transaction;
