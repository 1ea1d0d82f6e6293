//! Previews merges without making them.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::{
    merge::{check_choices, have_other_verified},
    merge_exclusion,
};
use crate::{
    error::Error,
    model::{
        Customer, EntryFilter, MAX_RECORDS, Merge, MergeConflict, NewMerge, Order, ProfileField,
    },
    store::{
        Store,
        entry::{payload::Frames, timeline::page::PageRequest},
        sql::dialect,
        write::writes::{CustomerRecord, CustomerRow},
    },
};

/// How many entries of the merged timeline are returned.
const ENTRIES: usize = 20;
/// How many common order numbers are returned.
const ORDERS: usize = 20;

/// The preview of a merge.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The customer after the merge; revision and etag are meaningless.
    pub customer: Customer,
    /// The newest entries of the merged timeline.
    pub entries: Frames,
    pub conflicts: Vec<MergeConflict>,
}

impl Store {
    /// Previews a merge. Nothing is locked, so that the state may have changed since.
    pub async fn preview_merge(&self, new: &NewMerge) -> Result<Preview, Error> {
        let (one, other) = self.two(new).await?;
        let mut conflicts = differences(&one, &other);
        let mut all = one.records.clone();
        all.extend(&other.records);
        check_choices(new, &all)?;

        let strong = self.by_ids(dialect::STRONG_KEYS, &all).await?;
        if have_other_verified(&strong, &one.records, &other.records) {
            conflicts.push(MergeConflict::NeedsApproval);
        }
        let exclusions = self.by_ids(dialect::EXCLUSIONS_OF, &one.records).await?;
        if !merge_exclusion::between(exclusions, &other.records).is_empty() {
            conflicts.push(MergeConflict::MergeExcluded);
        }
        if all.len() > MAX_RECORDS {
            conflicts.push(MergeConflict::TooManyRecords);
        }
        let orders = |rows: Vec<(Uuid, String)>| rows.into_iter().map(|row| row.1);
        let ones: BTreeSet<String> =
            orders(self.by_ids(dialect::ORDERS_OF, &one.records).await?).collect();
        let others: BTreeSet<String> =
            orders(self.by_ids(dialect::ORDERS_OF, &other.records).await?).collect();
        let same = ones.intersection(&others).take(ORDERS).cloned();
        conflicts.extend(same.map(MergeConflict::SameOrderNumber));

        let rows: Vec<CustomerRow> = self.by_ids(dialect::READ_CUSTOMERS, &all).await?;
        let records: BTreeMap<Uuid, CustomerRecord> =
            rows.into_iter().map(CustomerRecord::from_row).collect();
        if records.values().any(|it| it.on_hold) {
            return Err(Error::CustomerOnHold);
        }
        let merges = [
            one.merges,
            other.merges,
            vec![hypothetical(new, (one.id, other.id), self.clock.now())],
        ];
        let customer = self.customer_view(one.id, &records, merges.concat()).await?;
        let request = PageRequest {
            filter: EntryFilter::default(),
            order: Order::NewestFirst,
            after: None,
            limit: ENTRIES,
        };
        all.truncate(MAX_RECORDS);
        let (page, ..) = self.read_page(&all, &request).await?;
        Ok(Preview { customer, entries: page.entries, conflicts })
    }

    /// The two people of a merge, which are not merged and have the expected etags.
    async fn two(&self, new: &NewMerge) -> Result<(Customer, Customer), Error> {
        let one = self.get_customer(new.into_id).await?.ok_or(Error::CustomerNotFound)?;
        let other = self.get_customer(new.from_id).await?.ok_or(Error::CustomerNotFound)?;
        if one.id == other.id {
            return Err(Error::AlreadyMerged);
        }
        let expected = [(&new.into_etag, &one), (&new.from_etag, &other)];
        let is_stale = |(etag, customer): &(&Option<String>, &Customer)| {
            etag.as_ref().is_some_and(|etag| *etag != customer.etag())
        };
        if expected.iter().any(is_stale) { Err(Error::StaleEtag) } else { Ok((one, other)) }
    }
}

/// The fields that both have with different values.
fn differences(one: &Customer, other: &Customer) -> Vec<MergeConflict> {
    let differs = |field: &ProfileField| {
        !one.profile.lacks(*field)
            && !other.profile.lacks(*field)
            && !one.profile.agrees(&other.profile, *field)
    };
    ProfileField::ALL.into_iter().filter(differs).map(MergeConflict::FieldDiffers).collect()
}

/// The hypothetical merge: made now, after all others.
fn hypothetical(new: &NewMerge, (into_id, from_id): (Uuid, Uuid), now: i64) -> Merge {
    Merge {
        id: Uuid::nil(),
        into_id,
        from_id,
        asked_into_id: new.into_id,
        asked_from_id: new.from_id,
        merged_at: now,
        actor: String::new(),
        reason: String::new(),
        evidence: new.evidence.clone(),
        choices: new.choices.clone(),
        approved_by: String::new(),
    }
}
