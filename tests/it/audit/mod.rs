//! Who looked: a row for each call, and whether that can be changed unseen.

pub mod kept;
mod killed;
mod listed;
mod lost;
mod purposes;
mod strangers;
mod tampered;
