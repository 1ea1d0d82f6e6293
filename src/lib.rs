//! Throughline keeps every contact a customer has with a company in one timeline per customer.
//!
//! A request goes from [`api`] through the rules of [`story`] to the SQL of [`store`], and back.

// The demo tells its story through the examples, to which this crate is one like any other.
extern crate self as throughline;

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod error;
pub mod incident;
pub mod ingest;
pub mod metrics;
pub mod model;
pub mod pb;
pub mod server;
pub mod store;
pub mod story;
pub mod summary;
pub mod telemetry;

/// The clients in the documents are compiled with the tests of the documentation.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct Readme;
    #[doc = include_str!("../docs/clients.md")]
    struct Clients;
}
