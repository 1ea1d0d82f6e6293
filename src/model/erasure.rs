//! Erasures of customers.

use uuid::Uuid;

use super::Micros;

/// The erasure of a customer. It holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub id: Uuid,
    pub erased_at: Micros,
    /// The erased records, sorted by id.
    pub records: Vec<Uuid>,
    /// How many rows of each table were removed, sorted by table name.
    pub removed: Vec<(String, i64)>,
}
