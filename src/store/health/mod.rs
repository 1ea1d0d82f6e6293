//! Whether the store and its clock work, and what an operator sees of it.

pub mod clock_check;
pub mod observe;
pub mod ready;
