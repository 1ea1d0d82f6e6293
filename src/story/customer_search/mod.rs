//! Looking for customers: what somebody at a desk means by what is typed, by which rows a customer
//! is found, which spellings are near each other, and which customer matches best.

mod index;
mod rank;
mod reading;
mod spelling;

pub use index::{identifier_parts, name_rows, name_words, phone_part};
pub use rank::{email_match, explain, phone_match};
pub use reading::{MAX_NAME_WORDS, read_text};
pub use spelling::{index_keys, misspelling, nearest, query_keys};
