//! The store, each case on both databases.

mod cancelled;
mod each;
mod outage;
mod paging;
mod statements;
mod timeline;
