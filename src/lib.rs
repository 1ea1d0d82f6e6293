//! Throughline keeps one timeline per customer of every contact with a company.
//!
//! A request passes from [`api`] through the rules of [`domain`] to the SQL of [`store`], and back.

// The demo runs the example programs, which use this crate by its name.
extern crate self as throughline;

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod error;
pub mod incident;
pub mod ingest;
pub mod metrics;
pub mod model;
pub mod pb;
pub mod server;
pub mod store;
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
