//! The store, each case on both databases.

mod statements;
mod timeline;
