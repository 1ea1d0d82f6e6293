//! What a batch has to know of cases. Almost no customer has an open one, and then nothing is read.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Candidates;
use crate::{
    error::Error,
    model::CaseChoice,
    store::{
        case,
        db::Tx,
        dialect,
        writes::{Item, Known},
    },
};

/// Reads the open cases of whom the items may be about, and the cases that they name.
pub(super) async fn load(
    tx: &mut Tx,
    items: impl Iterator<Item = &Item>,
    candidates: &[Candidates],
    known: &mut Known,
) -> Result<(), Error> {
    let mut open = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (item, found) in items.zip(candidates) {
        let Some(entry) = &item.entry else { continue };
        for record in found.all_records(known) {
            // Of a merged customer only the records that the items name are locked and read.
            let held = known.customers.get(&record);
            if held.is_none_or(|held| held.open_cases > 0) {
                open.insert(record);
            }
            if let CaseChoice::This(case_id) = entry.case {
                named.insert((record.simple().to_string(), case_id.simple().to_string()));
            }
        }
    }
    if !open.is_empty() {
        let records: Vec<Uuid> = open.into_iter().collect();
        let rows: Vec<(Uuid, String)> = tx.by_ids(dialect::OPEN_CASES, &records).await?;
        for (record, content) in rows {
            known.open_cases.entry(record).or_default().push(case::read(&content)?);
        }
    }
    if !named.is_empty() {
        let pairs: Vec<_> = named.into_iter().collect();
        known.cases = tx.by_pairs(dialect::CASES_BY_ID, &pairs).await?.into_iter().collect();
    }
    Ok(())
}
