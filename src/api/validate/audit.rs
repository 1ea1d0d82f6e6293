//! Validates ListAuditEntries.

use uuid::Uuid;

use super::Checker;
use crate::{error::Error, pb};

/// The customer, and the page size.
pub fn audit_page(request: &pb::ListAuditEntriesRequest) -> Result<(Uuid, usize), Error> {
    let mut checker = Checker::default();
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let limit = checker.page_size(request.page_size);
    checker.finish((customer_id, limit))
}
