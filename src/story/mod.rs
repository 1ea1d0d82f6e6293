//! The rules of the timeline: pure functions over the model.

pub mod identifier;
pub mod money;
pub mod text;
pub mod words;
