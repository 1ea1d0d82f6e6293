//! Who is who, as a whole.

mod call;
mod compare;
mod oracle;
mod rows;
mod sequences;
mod world;
