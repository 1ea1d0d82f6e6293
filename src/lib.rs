//! Throughline keeps every contact a customer has with a company in one timeline per customer.
//!
//! A request goes from [`api`] through the rules of [`story`] to the SQL of [`store`], and back.

pub mod api;
pub mod cli;
pub mod clock;
pub mod error;
pub mod ingest;
pub mod model;
pub mod pb;
pub mod server;
pub mod store;
pub mod story;
