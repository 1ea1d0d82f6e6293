//! Validates GetReaskRate.

use super::{Checker, CustomerRef, Rules};
use crate::{
    error::Error,
    model::Micros,
    pb::{self, get_reask_rate_request::Of},
    store::ReasksOf,
};

/// The longest period for all customers, in microseconds: 400 days.
const MAX_PERIOD: Micros = 400 * 24 * 3_600_000_000;

/// Whose facts are counted.
#[derive(Clone, Debug)]
pub enum WhoseReasks {
    Of(CustomerRef),
    These(ReasksOf),
}

/// A validated GetReaskRate.
#[derive(Clone, Debug)]
pub struct Reasks {
    pub of: WhoseReasks,
    /// The start, and the end, which is exclusive.
    pub period: (Micros, Micros),
}

/// GetReaskRate.
pub fn reasks(mut request: pb::GetReaskRateRequest, rules: &Rules) -> Result<Reasks, Error> {
    let mut checker = Checker::default();
    let mut time = |field: &str, value: &mut Option<prost_types::Timestamp>| {
        value.as_mut().and_then(|value| checker.time(field, value))
    };
    let from = time("from", &mut request.from);
    let before = time("before", &mut request.before);
    let period = (from.unwrap_or(Micros::MIN), before.unwrap_or(Micros::MAX));
    if period.0 > period.1 {
        checker.fail("before", "is before from");
    }
    let of = match &request.of {
        Some(Of::CaseId(id)) => {
            Some(WhoseReasks::These(ReasksOf::Case(checker.uuid("case_id", id))))
        }
        Some(Of::CustomerId(id)) => {
            Some(WhoseReasks::Of(CustomerRef::Id(checker.uuid("customer_id", id))))
        }
        Some(Of::Identifier(value)) => checker.who(value, rules).map(WhoseReasks::Of),
        Some(Of::Everybody(true)) => {
            for (field, value) in [("from", request.from), ("before", request.before)] {
                if value.is_none() {
                    checker.fail(field, "is required with everybody");
                }
            }
            if let (Some(from), Some(before)) = (from, before)
                && before.saturating_sub(from) > MAX_PERIOD
            {
                checker.fail("before", "is more than 400 days after from");
            }
            Some(WhoseReasks::These(ReasksOf::Everybody))
        }
        Some(Of::Everybody(false)) => {
            checker.fail("everybody", "must be true");
            None
        }
        None => {
            checker.fail("of", "case_id, customer_id, identifier or everybody is required");
            None
        }
    };
    match checker.finish(of)? {
        Some(of) => Ok(Reasks { of, period }),
        // A missing value has left a violation.
        None => Err(Error::invalid("of", "is required")),
    }
}
