//! The store, each case on both databases.

mod backup;
mod cancelled;
mod case_passes;
mod customer_search;
mod durable;
mod each;
mod failed_write;
mod faults;
mod files;
mod hole;
mod matching;
mod oracle;
mod outage;
mod paging;
mod people;
mod purchases;
mod releases;
mod replayed;
mod sequences;
mod statements;
mod suggestions;
mod timeline;
