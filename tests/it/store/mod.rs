//! The store, each case on both databases.

mod cancelled;
mod each;
mod matching;
mod oracle;
mod outage;
mod people;
mod paging;
mod sequences;
mod statements;
mod suggestions;
mod timeline;
