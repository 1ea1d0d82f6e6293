//! The gRPC edge.
pub mod validate;
