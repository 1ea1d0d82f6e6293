//! Calls about the rights of customers.

use uuid::Uuid;

use super::{Checker, identity::Need};
use crate::{
    api::{body, caller::Actor},
    error::Error,
    model::{Asked, RestrictionKind},
    pb,
    store::NewRestriction,
    story::text,
};

const TICKET_CHARS: usize = 100;

/// Whom to export.
pub fn export(request: &pb::ExportCustomerRequest) -> Result<Uuid, Error> {
    let mut checker = Checker::default();
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    checker.finish(customer_id)
}

/// What to restrict, or to lift. The four calls say the same, and are told from each other by
/// `call`.
pub fn restriction(
    call: &str,
    (kind, holds): (RestrictionKind, bool),
    mut request: pb::RestrictCustomerRequest,
    actor: &Actor,
) -> Result<(NewRestriction, Asked), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call(call, &request);
    let pb::RestrictCustomerRequest { customer_id, mut ticket, reason, .. } = request;
    let asked = checker.asked(&request_id, body, reason, Need::Must, actor);
    let customer_id = checker.uuid("customer_id", &customer_id);
    if text::is_blank(&ticket) {
        checker.fail("ticket", "is required");
    }
    checker.line("ticket", &mut ticket, TICKET_CHARS);
    checker.finish((NewRestriction { customer_id, kind, ticket, holds }, asked))
}

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
        checker.line("ticket", &mut ticket, TICKET_CHARS);
    }
    checker.finish((customer_id, asked))
}
