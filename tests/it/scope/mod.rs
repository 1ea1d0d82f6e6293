//! How much a caller sees: by its role, its channels, and the verification of the customer's
//! identity.

mod alike;
mod masked;
mod matrix;
mod unverified;
