//! Erasure, export, restriction and retention.

pub mod erasure;
pub mod export;
pub mod restricted;
pub mod restriction;
pub mod retention;
