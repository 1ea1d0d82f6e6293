//! Decides which case an entry joins.

use uuid::Uuid;

use super::Plan;
use crate::{
    domain::probable_case::probable_cases,
    error::Error,
    model::{CaseChoice, ProbableCase},
    store::write::writes::NamedEntry,
};

impl Plan {
    /// A case that is named must belong to the customer.
    pub(super) fn check_case(
        &self,
        existing: Option<Uuid>,
        choice: CaseChoice,
    ) -> Result<(), Error> {
        let CaseChoice::This(case_id) = choice else { return Ok(()) };
        let records = existing.map_or(Vec::new(), |id| self.records_of(id));
        let has = |record: &Uuid| self.snapshot.cases.contains(&(*record, case_id));
        if records.iter().any(has) { Ok(()) } else { Err(Error::CaseNotFound) }
    }

    /// The case that an entry joins, and its probable cases.
    pub(super) fn choose_case(
        &self,
        record_id: Uuid,
        named: &NamedEntry,
    ) -> (Option<Uuid>, Vec<ProbableCase>) {
        if self.snapshot.open_cases.is_empty() && named.case == CaseChoice::None {
            return (None, Vec::new());
        }
        // The cases of a restricted customer are neither returned nor used.
        if self.snapshot.customers.get(&record_id).is_some_and(|it| it.restricted) {
            let named = match named.case {
                CaseChoice::This(case_id) => Some(case_id),
                _ => None,
            };
            return (named, Vec::new());
        }
        let records = self.records_of(record_id);
        let open =
            records.iter().filter_map(|record| self.snapshot.open_cases.get(record)).flatten();
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
