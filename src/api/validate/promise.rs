//! Promises on their way in.

use uuid::Uuid;

use super::{
    Checker, Rules, Who,
    case::{Call, NAME_CHARS},
    identity::Need,
};
use crate::{
    api::caller::Actor,
    error::Error,
    model::{Amount, Asked, Channel, Making, Micros, NewPromise, PromiseChange, PromisedTo},
    pb,
};

/// Two years, in microseconds.
const MAX_AHEAD: Micros = 2 * 366 * 86_400_000_000;

/// A promise to make.
pub fn promise(
    mut request: pb::MakePromiseRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(NewPromise, Asked), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (String::new(), Need::May);
    let mut call = Call::new("MakePromise", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let to = match (request.customer_id.as_str(), request.case_id.as_str()) {
        (customer_id, "") if !customer_id.is_empty() => {
            PromisedTo::Customer(checker.uuid("customer_id", customer_id))
        }
        ("", case_id) if !case_id.is_empty() => PromisedTo::Case(checker.uuid("case_id", case_id)),
        _ => {
            checker.fail("customer_id", "either it or case_id is required, not both");
            PromisedTo::Customer(Uuid::nil())
        }
    };
    let (mut what, mut by) = (request.what, request.by);
    checker.subject("what", &mut what);
    checker.line("by", &mut by, NAME_CHARS);
    let due_at = checker.due_at(request.due_at, rules.clock.now());
    checker.price("amount", request.amount.as_ref());
    let amount = request
        .amount
        .map(|money| Amount { currency: money.currency_code, minor_units: money.minor_units });
    let flags = checker.flags.iter().copied().collect();
    let channel = call.checker.finish(call.channel)?;
    let channel = channel.ok_or_else(|| Error::invalid("channel", "is required"))?;
    let making = Making { what, by, due_at, amount };
    Ok((NewPromise { to, channel, making, flags }, call.asked))
}

/// A promise to settle: which one, how, and where.
pub fn settlement(
    mut request: pb::SettlePromiseRequest,
    actor: &Actor,
) -> Result<(Uuid, PromiseChange, Channel, Asked), Error> {
    let id = std::mem::take(&mut request.request_id);
    let change = match pb::PromiseState::try_from(request.state) {
        Ok(pb::PromiseState::Kept) => Some(PromiseChange::Kept),
        Ok(pb::PromiseState::Withdrawn) => Some(PromiseChange::Withdrawn),
        _ => None,
    };
    let need = if change == Some(PromiseChange::Withdrawn) { Need::Must } else { Need::May };
    let why = (request.reason.clone(), need);
    let mut call = Call::new("SettlePromise", &request, &id, why, request.channel, actor);
    let promise_id = call.checker.uuid("promise_id", &request.promise_id);
    if change.is_none() {
        call.checker.fail("state", "must be KEPT or WITHDRAWN");
    }
    match call.checker.finish((change, call.channel))? {
        (Some(change), Some(channel)) => Ok((promise_id, change, channel, call.asked)),
        // A missing one has left a violation.
        _ => Err(Error::invalid("state", "must be KEPT or WITHDRAWN")),
    }
}

/// Whose promises to list, and how many.
pub fn promise_page(
    request: &pb::ListPromisesRequest,
    rules: &Rules,
) -> Result<(Who, usize), Error> {
    use pb::list_promises_request::Customer;
    let mut checker = Checker::default();
    let limit = checker.page_size(request.page_size);
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(Who::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, limit))
}

impl Checker {
    /// Until when something is promised.
    fn due_at(&mut self, value: Option<prost_types::Timestamp>, now: Micros) -> Micros {
        let Some(mut value) = value else {
            self.fail("due_at", "is required");
            return 0;
        };
        let Some(at) = self.time("due_at", &mut value) else { return 0 };
        if at <= now {
            self.fail("due_at", "must be in the future");
        } else if at > now.saturating_add(MAX_AHEAD) {
            self.fail("due_at", "must be within two years");
        }
        at
    }
}
