//! Record linkage: candidates by blocking keys, a probability with reasons for each pair, and
//! weights that are built in or learnt from the data.
//!
//! The model is that of Fellegi and Sunter (1969) with the frequencies of values (Winkler, 1988),
//! with one extension: a pair that is not one person is not always a pair of strangers. People of
//! one household and people behind one mailbox share much, so these are separate hypotheses.

mod blocking;
mod compare;
mod date;
mod field;
mod frequency;
mod groups;
mod hypothesis;
mod learn;
mod model;
mod names;
mod nickname;
mod pairs;
mod person;
mod score;
mod sound;
mod street;

pub use blocking::{MAX_BLOCK, block_keys};
pub use date::is_month_first;
pub use field::{Agreement, Field};
pub use frequency::Frequencies;
pub use model::{Model, ModelFault, SUGGESTION_THRESHOLD};
pub use pairs::{Pair, Pairs, Progress, find_pairs};
pub use person::{Attributes, Person};
pub use score::{Reason, Score};
