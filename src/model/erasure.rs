//! Customers who were erased.

use uuid::Uuid;

use super::Micros;

/// That a customer was erased. It holds no value of the customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub id: Uuid,
    pub erased_at: Micros,
    /// The records that the customer was, in the order of their ids.
    pub records: Vec<Uuid>,
    /// How many rows of which tables went, in the order of the tables' names.
    pub removed: Vec<(String, i64)>,
}
