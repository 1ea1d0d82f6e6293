//! All tests that need more than one module: one binary, structured like `src`.

mod api;
mod architecture;
mod audit;
mod blocked;
mod calls;
mod cli;
mod config;
mod credentials;
mod documents;
mod domain;
mod erasure;
mod identity;
mod ingest;
mod live;
mod metrics;
mod random;
mod rights;
mod scope;
mod store;
mod support;
mod television;
