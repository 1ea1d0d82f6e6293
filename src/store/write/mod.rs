//! The rows of a write, and how a change of one customer is written.

pub mod change;
pub mod writes;
