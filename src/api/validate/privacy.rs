//! Validates calls about the rights of data subjects.

use uuid::Uuid;

use super::{Checker, identity::Need};
use crate::{
    api::{body, caller::Actor},
    domain::text,
    error::Error,
    model::{RequestContext, RestrictionKind},
    pb,
    store::NewRestriction,
};

const TICKET_CHARS: usize = 100;

/// ExportCustomer.
pub fn export(request: &pb::ExportCustomerRequest) -> Result<Uuid, Error> {
    let mut checker = Checker::default();
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    checker.finish(customer_id)
}

/// A restriction or a hold to place or lift. The four calls have the same fields and are
/// distinguished by `call`.
pub fn restriction(
    call: &str,
    (kind, holds): (RestrictionKind, bool),
    mut request: pb::RestrictCustomerRequest,
    actor: &Actor,
) -> Result<(NewRestriction, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let body = body::hash_of_call(call, &request);
    let pb::RestrictCustomerRequest { customer_id, mut ticket, reason, .. } = request;
    let context = checker.context(&request_id, body, reason, Need::Must, actor);
    let customer_id = checker.uuid("customer_id", &customer_id);
    if text::is_blank(&ticket) {
        checker.fail("ticket", "is required");
    }
    checker.line("ticket", &mut ticket, TICKET_CHARS);
    checker.finish((NewRestriction { customer_id, kind, ticket, holds }, context))
}

/// EraseCustomer. Ticket and reason are not part of the hash of the call, so that no trace of their
/// texts is stored.
pub fn erasure(
    mut request: pb::EraseCustomerRequest,
    actor: &Actor,
) -> Result<(Uuid, RequestContext), Error> {
    let mut checker = Checker::default();
    let request_id = std::mem::take(&mut request.request_id);
    let mut ticket = std::mem::take(&mut request.ticket);
    let reason = std::mem::take(&mut request.reason);
    let body = body::hash_of_call("EraseCustomer", &request);
    let context = checker.context(&request_id, body, reason, Need::May, actor);
    let customer_id = checker.uuid("customer_id", &request.customer_id);
    if text::is_blank(&ticket) {
        checker.fail("ticket", "is required");
    } else {
        checker.line("ticket", &mut ticket, TICKET_CHARS);
    }
    checker.finish((customer_id, context))
}
