//! The store, each case on both databases.

mod cancelled;
mod customer_search;
mod each;
mod oracle;
mod outage;
mod paging;
mod sequences;
mod statements;
mod timeline;
