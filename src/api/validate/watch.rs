//! Validates WatchTimeline.

use uuid::Uuid;

use super::{Checker, CustomerRef, Rules};
use crate::{error::Error, pb};

/// The target of a watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    Customer(CustomerRef),
    /// The entries of its customer that belong to the case.
    Case(Uuid),
}

/// The target, and the revision to start after.
pub fn watch(
    request: &pb::WatchTimelineRequest,
    rules: &Rules,
) -> Result<(Watched, Option<i64>), Error> {
    use pb::watch_timeline_request::Watched as Named;
    let mut checker = Checker::default();
    if request.after_revision.is_some_and(|revision| revision < 0) {
        checker.fail("after_revision", "must not be negative");
    }
    let who = match &request.watched {
        Some(Named::CustomerId(id)) => Some(CustomerRef::Id(checker.uuid("customer_id", id))),
        Some(Named::Identifier(value)) => checker.who(value, rules),
        Some(Named::CaseId(id)) => {
            let id = checker.uuid("case_id", id);
            return checker.finish((Watched::Case(id), request.after_revision));
        }
        None => None,
    };
    Ok((Watched::Customer(checker.finish_who(who)?), request.after_revision))
}
