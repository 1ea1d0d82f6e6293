//! What is replayed from entries: cases, promises, quotes and orders.

pub mod case;
pub mod case_list;
pub mod case_pass;
pub mod promise;
pub mod purchase;
pub mod quote;
pub mod reask_rate;
