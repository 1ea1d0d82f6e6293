//! Entries as they are stored, listed, searched and sealed.

pub mod codec;
pub mod payload;
pub mod seals;
pub mod search;
pub mod summary;
pub mod timeline;
