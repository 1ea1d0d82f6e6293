//! The rules of the timeline: pure functions over the model.

pub mod address;
pub mod identifier;
pub mod money;
pub mod name;
pub mod text;
pub mod words;
