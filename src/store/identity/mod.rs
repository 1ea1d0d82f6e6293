//! Who is the same person: identifiers, links, merges, matching and search.

pub mod approval;
pub mod claims;
pub mod customer_search;
pub mod customers;
pub mod erased;
pub mod link;
pub mod matching;
pub mod merge;
pub mod merge_exclusion;
pub mod person;
pub mod preview;
pub mod suggestion;
pub mod unmerge;
