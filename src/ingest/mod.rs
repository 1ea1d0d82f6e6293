//! Files that become entries. A file gives rows ([`rows`]), rows that belong together give units
//! ([`units`]), units give calls of the API by a map ([`convert`]), and calls go to the store in
//! batches ([`run`]). The product's own format needs no map ([`native`]).

pub mod convert;
pub mod csv;
pub mod date;
pub mod encoding;
pub mod join;
pub mod map;
pub mod native;
pub mod number;
pub mod rejects;
pub mod row;
pub mod rows;
pub mod run;
pub mod source;
pub mod summary;
pub mod units;
mod words;
mod writer;
