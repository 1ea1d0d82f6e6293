//! What to watch, and from where.

use super::{Checker, Rules, Who};
use crate::{error::Error, pb};

/// Who is watched, and the revision to begin behind.
pub fn watch(
    request: &pb::WatchTimelineRequest,
    rules: &Rules,
) -> Result<(Who, Option<i64>), Error> {
    use pb::watch_timeline_request::Watched;
    let mut checker = Checker::default();
    if request.after_revision.is_some_and(|revision| revision < 0) {
        checker.fail("after_revision", "must not be negative");
    }
    let who = match &request.watched {
        Some(Watched::CustomerId(id)) => Some(Who::Id(checker.uuid("customer_id", id))),
        Some(Watched::Identifier(value)) => checker.who(value, rules),
        None => None,
    };
    Ok((checker.finish_who(who)?, request.after_revision))
}
