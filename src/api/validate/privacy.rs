//! What customers may ask for of what is kept of them.

use uuid::Uuid;

use super::{Checker, identity::Need};
use crate::{
    api::{body, caller::Actor},
    error::Error,
    model::Asked,
    pb,
    story::text,
};

const MAX_TICKET_CHARS: usize = 100;

/// A customer to erase. Neither ticket nor reason is part of what a retry is known by: no trace of
/// their texts is kept.
pub fn erasure(
    mut request: pb::EraseCustomerRequest,
    actor: &Actor,
) -> Result<(Uuid, Asked), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let mut ticket = std::mem::take(&mut request.ticket);
    let reason = std::mem::take(&mut request.reason);
    let body = body::hash_of_call("EraseCustomer", &request);
    let asked = checker.asked(&request_id, body, reason, Need::May, actor);
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    if text::is_blank(&ticket) {
        checker.fail("ticket", "is required");
    } else {
        checker.line("ticket", &mut ticket, MAX_TICKET_CHARS);
    }
    checker.finish((customer_id, asked))
}
