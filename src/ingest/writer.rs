//! Writes a batch to the store, and the results to the summary.

use std::{future::Future, mem};

use anyhow::anyhow;

use super::{
    rejects::Reject,
    run::{Batch, Checked, PAUSES},
    summary::Summary,
};
use crate::{
    api::{
        caller::Actor,
        validate::{self, Rules},
    },
    error::Error,
    model::RecordEntry,
    store::Store,
};

/// The attribute with the orders that the customer of an entry does not have.
const UNKNOWN_ORDERS: &str = "unknown_orders";

/// Writes a batch; `refused` receives what the store refuses. Fails if the database does not
/// answer, with the advice to run the import again.
pub(super) async fn write(
    batch: Batch,
    file: &str,
    store: &Store,
    rules: &Rules,
    summary: &mut Summary,
    refused: &mut Vec<Reject>,
) -> anyhow::Result<()> {
    let (origins, customers): (Vec<_>, Vec<_>) = batch.customers.into_iter().unzip();
    if !customers.is_empty() {
        let answers = persist(|| store.identify_each(customers.clone())).await?;
        for (origin, answer) in origins.iter().zip(answers) {
            match answer {
                Ok(customer) => {
                    summary.conflicts += u64::from(!customer.conflicts.is_empty());
                    summary.meet(customer.customer_id, customer.created);
                }
                Err(error) => refused.push(Reject::of_error(file, origin, &error)),
            }
        }
    }
    let mut checked = batch.records;
    while !checked.is_empty() {
        checked = record(checked, file, store, rules, summary, refused).await?;
    }
    Ok(())
}

/// Records entries, and returns those to be tried again with fewer orders.
async fn record(
    mut checked: Vec<Checked>,
    file: &str,
    store: &Store,
    rules: &Rules,
    summary: &mut Summary,
    refused: &mut Vec<Reject>,
) -> anyhow::Result<Vec<Checked>> {
    let records: Vec<RecordEntry> = checked.iter().map(|checked| checked.record.clone()).collect();
    let answers = persist(|| store.record_each(records.clone())).await?;
    let mut again = Vec::new();
    for (mut checked, answer) in mem::take(&mut checked).into_iter().zip(answers) {
        let error = match answer {
            Ok(recorded) => {
                let created = recorded.customer_created && !recorded.already_recorded;
                summary.conflicts += u64::from(!recorded.conflicts.is_empty());
                summary.meet(recorded.customer_id, created);
                if recorded.already_recorded {
                    summary.duplicates += 1;
                } else {
                    let entry = &checked.record.entry;
                    summary.add_entry(entry.kind, entry.channel);
                }
                continue;
            }
            Err(error) => error,
        };
        if without_order(&mut checked, &error, rules) {
            summary.unknown_orders += 1;
            again.push(checked);
        } else {
            refused.push(Reject::of_error(file, &checked.origin, &error));
        }
    }
    Ok(again)
}

/// Removes the order that the customer does not have from an entry, if the map says so. The entry
/// keeps the hash of what the file said, so that the next run recognises it.
fn without_order(checked: &mut Checked, error: &Error, rules: &Rules) -> bool {
    let Error::PurchaseNotFound { field } = error else { return false };
    let Some(entry) = checked.request.as_mut().and_then(|request| request.entry.as_mut()) else {
        return false;
    };
    let place = field.rsplit_once('[').and_then(|(_, rest)| rest.strip_suffix(']'));
    let Some(place) = place.and_then(|place| place.parse::<usize>().ok()) else { return false };
    if place >= entry.order_numbers.len() {
        return false;
    }
    let number = entry.order_numbers.remove(place);
    let kept = entry.attributes.entry(UNKNOWN_ORDERS.to_owned()).or_default();
    if !kept.is_empty() {
        kept.push_str(", ");
    }
    kept.push_str(number.trim());
    let request = checked.request.as_deref().cloned().unwrap_or_default();
    match validate::record(request, rules, &Actor::local()) {
        Ok(record) => {
            let body = checked.record.body;
            checked.record = RecordEntry { body, ..record };
            true
        }
        Err(_) => false,
    }
}

/// Tries a few times: a batch that was written after all is recognised by its names.
async fn persist<T, F>(attempt: impl Fn() -> F) -> anyhow::Result<Vec<Result<T, Error>>>
where
    F: Future<Output = Result<Vec<Result<T, Error>>, Error>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        let answer = attempt().await.and_then(|answers| {
            let fault = answers.iter().filter_map(|answer| answer.as_ref().err());
            match fault.into_iter().find(|error| is_transient(error)) {
                Some(error) => Err(error.clone()),
                None => Ok(answers),
            }
        });
        let error = match answer {
            Ok(answers) => return Ok(answers),
            Err(error) => error,
        };
        match pauses.next() {
            Some(pause) if is_transient(&error) => tokio::time::sleep(pause).await,
            _ => {
                return Err(anyhow!(
                    "{error}; run the same command again: what has been written is not written \
                     twice"
                ));
            }
        }
    }
}

fn is_transient(error: &Error) -> bool {
    matches!(
        error,
        Error::Overloaded | Error::Unavailable(_) | Error::DeadlinePassed | Error::ClockSkew
    )
}
