//! The store, each case on both databases.

mod paging;
mod statements;
mod timeline;
