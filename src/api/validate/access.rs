//! Who looked at a customer.

use uuid::Uuid;

use super::Checker;
use crate::{error::Error, pb};

/// Whose look-ups, and how many.
pub fn access_page(request: &pb::ListAccessRequest) -> Result<(Uuid, usize), Error> {
    let mut checker = Checker::default();
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    let limit = checker.page_size(request.page_size);
    checker.finish((customer_id, limit))
}
