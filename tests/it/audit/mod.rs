//! Who looked: a row for each call, and whether that can be changed unseen.

mod entries;
pub mod kept;
mod killed;
mod listed;
mod lost;
mod owner;
mod purposes;
mod strangers;
mod tampered;
