//! All tests that need more than one module: one binary, laid out as `src` is.

mod api;
mod architecture;
mod audit;
mod blocked;
mod calls;
mod cli;
mod config;
mod credentials;
mod documents;
mod erasure;
mod identity;
mod ingest;
mod live;
mod metrics;
mod random;
mod rights;
mod scope;
mod store;
mod story;
mod support;
mod television;
