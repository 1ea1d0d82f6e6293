//! Customer search: how a query is read, which index rows find a customer, which spellings are
//! similar, and which customer matches best.

mod index;
mod rank;
mod reading;
mod spelling;

pub use index::{identifier_parts, name_rows, name_words, phone_part};
pub use rank::{email_match, explain, phone_match};
pub use reading::{MAX_NAME_WORDS, read_text};
pub use spelling::{index_keys, misspelling, nearest, query_keys};
