//! The audit log: an entry for each call, and whether it can be changed without detection.

pub mod calls;
mod entries;
mod killed;
mod listed;
mod lost;
mod owner;
mod purposes;
mod strangers;
mod tampered;
