//! All tests that need more than one module: one binary, laid out as `src` is.

mod architecture;
mod store;
mod support;
