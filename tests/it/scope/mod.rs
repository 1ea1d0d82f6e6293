//! How much a caller sees: by its role, its channels, and how sure it is who the customer is.

mod alike;
mod masked;
mod matrix;
mod unverified;
