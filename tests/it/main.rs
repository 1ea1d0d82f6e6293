//! All tests that need more than one module: one binary, laid out as `src` is.

mod api;
mod architecture;
mod audit;
mod blocked;
mod calls;
mod cli;
mod config;
mod credentials;
mod identity;
mod ingest;
mod live;
mod random;
mod rights;
mod store;
mod story;
mod support;
mod television;
