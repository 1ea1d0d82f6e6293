//! Which case an entry joins.

use uuid::Uuid;

use super::Plan;
use crate::{
    error::Error,
    model::{CaseChoice, ProbableCase},
    store::writes::NamedEntry,
    story::probable_case::probable_cases,
};

impl Plan {
    /// A case that is named must be the customer's.
    pub(super) fn check_case(
        &self,
        existing: Option<Uuid>,
        choice: CaseChoice,
    ) -> Result<(), Error> {
        let CaseChoice::This(case_id) = choice else { return Ok(()) };
        let records = existing.map_or(Vec::new(), |id| self.records_of(id));
        let has = |record: &Uuid| self.known.cases.contains(&(*record, case_id));
        if records.iter().any(has) { Ok(()) } else { Err(Error::CaseNotFound) }
    }

    /// The case that an entry joins, and those that it may belong to.
    pub(super) fn choose_case(
        &self,
        record_id: Uuid,
        named: &NamedEntry,
    ) -> (Option<Uuid>, Vec<ProbableCase>) {
        if self.known.open_cases.is_empty() && named.case == CaseChoice::None {
            return (None, Vec::new());
        }
        // Which cases somebody has who is restricted is nothing to tell or to go by.
        if self.known.customers.get(&record_id).is_some_and(|held| held.restricted) {
            let named = match named.case {
                CaseChoice::This(case_id) => Some(case_id),
                _ => None,
            };
            return (named, Vec::new());
        }
        let records = self.records_of(record_id);
        let open = records.iter().filter_map(|record| self.known.open_cases.get(record)).flatten();
        let probable = probable_cases(&named.entry, open, self.now);
        let case_id = match named.case {
            CaseChoice::None => None,
            CaseChoice::This(case_id) => Some(case_id),
            CaseChoice::Auto(threshold) => {
                let enough = probable.first().filter(|case| case.percent >= threshold);
                enough.map(|case| case.case_id)
            }
        };
        (case_id, probable)
    }
}
