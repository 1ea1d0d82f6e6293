//! What to watch, and from where.

use uuid::Uuid;

use super::{Checker, Rules, Who};
use crate::{error::Error, pb};

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    Customer(Who),
    /// Of its customer's entries those that belong to it.
    Case(Uuid),
}

/// What is watched, and the revision to begin behind.
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
        Some(Named::CustomerId(id)) => Some(Who::Id(checker.uuid("customer_id", id))),
        Some(Named::Identifier(value)) => checker.who(value, rules),
        Some(Named::CaseId(id)) => {
            let id = checker.uuid("case_id", id);
            return checker.finish((Watched::Case(id), request.after_revision));
        }
        None => None,
    };
    Ok((Watched::Customer(checker.finish_who(who)?), request.after_revision))
}
