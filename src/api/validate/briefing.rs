//! Validates GetBriefing.

use super::{Checker, CustomerRef, Rules};
use crate::{error::Error, model::Micros, pb};

/// The customer, and the moment to describe if it is not now.
pub fn briefing(
    request: &pb::GetBriefingRequest,
    rules: &Rules,
) -> Result<(CustomerRef, Option<Micros>), Error> {
    use pb::get_briefing_request::Customer;
    let mut checker = Checker::default();
    let as_of = request.as_of.and_then(|mut as_of| checker.time("as_of", &mut as_of));
    if as_of.is_some_and(|as_of| as_of > rules.clock.now()) {
        checker.fail_by_clock("as_of", "is in the future", rules);
    }
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, as_of))
}
