//! The rules of the timeline: pure functions over the model.

pub mod address;
pub mod attribution;
pub mod blocked;
pub mod briefing;
pub mod calendar;
mod card;
pub mod case;
pub mod customer_search;
mod digit;
mod email;
pub mod fold;
pub mod golden;
pub mod identifier;
pub mod language;
pub mod matching;
pub mod money;
pub mod name;
pub mod order;
mod phone;
pub mod probable_case;
pub mod promise;
pub mod purchase;
pub mod redact;
pub mod serial;
pub mod text;
pub mod warranty;
pub mod words;
