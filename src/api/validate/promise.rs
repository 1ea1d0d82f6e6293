//! Validates calls about promises.

use uuid::Uuid;

use super::{
    Checker, CustomerRef, Rules,
    case::{Call, NAME_CHARS},
    identity::Need,
};
use crate::{
    api::caller::Actor,
    domain::calendar::{self, BusinessCalendar},
    error::Error,
    model::{
        Amount, Channel, Due, Micros, NewPromise, PromiseChange, PromiseTerms, PromisedTo,
        RequestContext,
    },
    pb::{self, make_promise_request::Due as RestrictionAction},
};

/// MakePromise.
pub fn promise(
    mut request: pb::MakePromiseRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<(NewPromise, RequestContext), Error> {
    let id = std::mem::take(&mut request.request_id);
    let why = (String::new(), Need::May);
    let mut call = Call::new("MakePromise", &request, &id, why, request.channel, actor);
    let checker = &mut call.checker;
    let to = checker.promised_to(&request.customer_id, &request.case_id);
    let (mut what, mut by) = (request.what, request.by);
    checker.subject("what", &mut what);
    checker.line("by", &mut by, NAME_CHARS);
    let due_at = checker.due(request.due, rules);
    let amount = checker.amount("amount", request.amount);
    let flags = checker.flags.iter().copied().collect();
    let (channel, context) = call.complete()?;
    let making = PromiseTerms { what, by, due_at, amount };
    Ok((NewPromise { to, channel, making, flags }, context))
}

/// SettlePromise.
pub fn settlement(
    mut request: pb::SettlePromiseRequest,
    actor: &Actor,
) -> Result<(Uuid, PromiseChange, Channel, RequestContext), Error> {
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
        (Some(change), Some(channel)) => Ok((promise_id, change, channel, call.context)),
        // A missing value has left a violation.
        _ => Err(Error::invalid("state", "must be KEPT or WITHDRAWN")),
    }
}

/// ListPromises.
pub fn promise_page(
    request: &pb::ListPromisesRequest,
    rules: &Rules,
) -> Result<(CustomerRef, usize), Error> {
    use pb::list_promises_request::Customer;
    let mut checker = Checker::default();
    let limit = checker.page_size(request.page_size);
    let who = match &request.customer {
        Some(Customer::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Customer::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, limit))
}

impl Checker {
    /// The recipient of a promise or a quote.
    pub(super) fn promised_to(&mut self, customer_id: &str, case_id: &str) -> PromisedTo {
        match (customer_id, case_id) {
            (customer_id, "") if !customer_id.is_empty() => {
                PromisedTo::Customer(self.uuid("customer_id", customer_id))
            }
            ("", case_id) if !case_id.is_empty() => PromisedTo::Case(self.uuid("case_id", case_id)),
            _ => {
                self.fail("customer_id", "either it or case_id is required, not both");
                PromisedTo::Customer(Uuid::nil())
            }
        }
    }

    /// An amount of money that is absent or not negative.
    pub(super) fn amount(&mut self, field: &str, money: Option<pb::Money>) -> Option<Amount> {
        self.price(field, money.as_ref());
        let money = money?;
        Some(Amount { currency: money.currency_code, minor_units: money.minor_units })
    }

    /// The due time of a promise.
    fn due(&mut self, said: Option<RestrictionAction>, rules: &Rules) -> Micros {
        let Some(said) = said else {
            self.fail("due", "one of its kinds is required");
            return 0;
        };
        let (field, due) = match said {
            RestrictionAction::DueAt(mut at) => {
                ("due_at", self.time("due_at", &mut at).map(Due::At))
            }
            RestrictionAction::DueLocal(local) => {
                ("due_local", self.local_time("due_local", &local))
            }
            RestrictionAction::DueDay(day) => {
                ("due_day", self.read("due_day", calendar::day(&day)).map(Due::Day))
            }
            RestrictionAction::DueBusinessMinutes(minutes) => {
                ("due_business_minutes", Some(Due::BusinessMinutes(minutes)))
            }
            RestrictionAction::DueBusinessDays(days) => {
                ("due_business_days", Some(Due::BusinessDays(days)))
            }
        };
        self.reckon(field, due, rules)
    }

    /// A local time in a time zone.
    pub(super) fn local_time(&mut self, field: &str, local: &pb::LocalTime) -> Option<Due> {
        let at = self.read(&format!("{field}.time"), calendar::local_time(&local.time));
        let zone = self.read(&format!("{field}.time_zone"), calendar::zone(&local.time_zone));
        at.zip(zone).map(|(at, zone)| Due::LocalTime { at, zone })
    }

    /// Resolves a due time from now, by the business calendar.
    pub(super) fn reckon(&mut self, field: &str, due: Option<Due>, rules: &Rules) -> Micros {
        let Some(due) = due else { return 0 };
        let now = rules.clock.now();
        let due = match rules.calendar.as_deref() {
            Some(calendar) => calendar::due(&due, now, calendar),
            None => calendar::due(&due, now, &BusinessCalendar::default()),
        };
        due.unwrap_or_else(|rule| {
            self.fail_by_clock(field, rule, rules);
            0
        })
    }

    /// A parsed value, or a violation.
    pub(super) fn read<T>(&mut self, field: &str, result: Result<T, &'static str>) -> Option<T> {
        result.map_err(|rule| self.fail(field, rule)).ok()
    }
}
