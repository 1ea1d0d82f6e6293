//! Loads the cases that a batch needs. Almost no customer has an open case, and then nothing is
//! read.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::{
    error::Error,
    model::CaseChoice,
    store::{
        aggregate::case,
        sql::{db::Tx, dialect},
        write::writes::{Candidates, Snapshot, WriteItem},
    },
};

/// Reads the open cases of the customers whom the items may concern, and the cases that they name.
pub(super) async fn load(
    tx: &mut Tx,
    items: impl Iterator<Item = &WriteItem>,
    candidates: &[Candidates],
    snapshot: &mut Snapshot,
) -> Result<(), Error> {
    let mut open = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (item, found) in items.zip(candidates) {
        let Some(entry) = &item.entry else { continue };
        for record in found.all_records(snapshot) {
            // Of a merged customer only the records that the items name are locked and read.
            let customer = snapshot.customers.get(&record);
            if customer.is_none_or(|it| it.open_cases > 0) {
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
            snapshot.open_cases.entry(record).or_default().push(case::read(&content)?);
        }
    }
    if !named.is_empty() {
        let pairs: Vec<_> = named.into_iter().collect();
        snapshot.cases = tx.by_pairs(dialect::CASES_BY_ID, &pairs).await?.into_iter().collect();
    }
    Ok(())
}
