//! Imports files. A file yields rows ([`rows`]), related rows form units ([`units`]), a map turns
//! units into calls of the API ([`convert`]), and calls go to the store in batches ([`run`]). The
//! product's own format needs no map ([`native`]).

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
