//! How the store talks to its databases: pools, transactions, dialects and migrations.

pub mod attempt;
pub mod bulk;
pub mod database_id;
pub mod db;
pub mod dialect;
pub mod json;
pub mod migrate;
pub mod settings;
pub mod statement;
