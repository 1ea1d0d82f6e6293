//! The rules of the timeline: pure functions over the model.

pub mod address;
pub mod identifier;
pub mod name;
pub mod words;
