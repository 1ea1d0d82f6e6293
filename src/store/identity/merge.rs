//! Merges: links between records. Nothing moves, so that removing a link reverses the merge.

use uuid::Uuid;

use super::{approval, merge_exclusion, person};
use crate::{
    domain::identifier_resolution,
    error::{Error, Violation},
    model::{
        Customer, IdentityChange, MAX_RECORDS, Merge, Micros, NewMerge, RequestContext,
        Verification,
    },
    store::{
        Store,
        sql::{
            attempt::{attempt, lost},
            db::{Tx, on_db, on_tx},
            dialect,
            json::to_json,
        },
        write::change::{Change, earlier},
    },
};

const ADD: &str = "insert into merges (id, into_id, from_id, asked_into_id, \
    asked_from_id, merged_at, actor, reason, evidence, choices, approved_by) \
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const GET: &str = "select id, into_id, from_id, asked_into_id, asked_from_id, \
    merged_at, actor, reason, evidence, choices, approved_by from merges where id = $1";
const SET_RECORDS: &str = "update customers set records = $2 where id = $1";

/// These statements by name.
pub const STATEMENTS: [(&str, &str); 3] =
    [("merges.add", ADD), ("merges.get", GET), ("merges.set_records", SET_RECORDS)];

pub type MergeRow = (Uuid, Uuid, Uuid, Uuid, Uuid, Micros, String, String, String, String, String);

/// A merge from its row.
pub fn merge(row: MergeRow) -> Result<Merge, Error> {
    let (
        id,
        into_id,
        from_id,
        asked_into_id,
        asked_from_id,
        merged_at,
        actor,
        reason,
        evidence,
        choices,
        approved_by,
    ) = row;
    let unreadable = |column| Error::Inconsistent { table: "merges", column };
    Ok(Merge {
        id,
        into_id,
        from_id,
        asked_into_id,
        asked_from_id,
        merged_at,
        actor,
        reason,
        evidence: serde_json::from_str(&evidence).map_err(|_| unreadable("evidence"))?,
        choices: serde_json::from_str(&choices).map_err(|_| unreadable("choices"))?,
        approved_by,
    })
}

impl Store {
    /// Merges two people. Idempotent.
    pub async fn merge(
        &self,
        new: NewMerge,
        context: RequestContext,
    ) -> Result<(Merge, Customer), Error> {
        let store = self.clone();
        let write = move || {
            let (store, new, context) = (store.clone(), new.clone(), context.clone());
            async move { store.try_merge(&new, &context).await }
        };
        let id = attempt(write).await.map_err(lost)?;
        self.notify_matcher();
        let merge = self.get_merge(id).await?.ok_or(Error::MergeNotFound)?;
        let customer = self.get_customer(merge.into_id).await?.ok_or(Error::CustomerNotFound)?;
        Ok((merge, customer))
    }

    async fn try_merge(&self, new: &NewMerge, context: &RequestContext) -> Result<Uuid, Error> {
        let mut tx = self.db.begin().await?;
        let locked = person::lock(&mut tx, &[new.into_id, new.from_id]).await?;
        if let Some(row) = earlier(&mut tx, context).await? {
            return row.entry_id.ok_or(Error::MergeNotFound);
        }
        let into = locked.person_of(new.into_id)?;
        let from = locked.person_of(new.from_id)?;
        if into == from {
            return Err(Error::AlreadyMerged);
        }
        locked.ensure_not_on_hold()?;
        let expected = [(&new.into_etag, into), (&new.from_etag, from)];
        if expected
            .iter()
            .any(|(etag, person)| etag.as_ref().is_some_and(|etag| *etag != locked.etag(*person)))
        {
            return Err(Error::StaleEtag);
        }
        let into_records = locked.records_of(into);
        let from_records = locked.records_of(from);
        let records = into_records.len() + from_records.len();
        if records > MAX_RECORDS {
            return Err(Error::TooManyRecords);
        }
        let ids: Vec<Uuid> = locked.records.keys().copied().collect();
        check_choices(new, &ids)?;
        let exclusions = tx.by_ids(dialect::EXCLUSIONS_OF, &into_records).await?;
        if !merge_exclusion::between(exclusions, &from_records).is_empty() {
            return Err(Error::MergeExcluded);
        }
        let mut approved_by = String::new();
        let strong: Vec<(Uuid, String, String)> = tx.by_ids(dialect::STRONG_KEYS, &ids).await?;
        if have_other_verified(&strong, &into_records, &from_records) {
            let now = self.clock.now();
            approved_by = approval::take(&mut tx, into, from, &context.actor, now)
                .await?
                .ok_or(Error::NeedsApproval)?;
        }

        let id = self.clock.new_id();
        let now = self.clock.now();
        add(&mut tx, id, (into, from), new, context, &approved_by, now).await?;
        tx.set_person(&from_records, into).await?;
        tx.set_person(&into_records, into).await?;
        set_records(&mut tx, into, records).await?;
        let mut change = Change::new(context, now);
        change.touch(into, &locked.records[&into]);
        let evidence = new.evidence.clone();
        let merged = IdentityChange::Merged { into_id: into, merge_id: id, evidence };
        change.add_identity_entry(from, &locked.records[&from], id, &merged);
        // Suggestions between the two are now of one person, and those of either are of both.
        change.compare(from, &locked.records[&from]);
        change.write(&mut tx, into, Some(id)).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Returns a merge, in force or not.
    pub async fn get_merge(&self, id: Uuid) -> Result<Option<Merge>, Error> {
        let row: Option<MergeRow> =
            on_db!(&self.db, |c| sqlx::query_as(GET).bind(id).fetch_optional(c).await?);
        row.map(merge).transpose()
    }

    /// The merges in force between these records, the oldest first.
    pub(in crate::store) async fn merges_of(&self, records: &[Uuid]) -> Result<Vec<Merge>, Error> {
        let rows: Vec<MergeRow> = self.by_ids(dialect::MERGES_IN_FORCE, records).await?;
        rows.into_iter().map(merge).collect()
    }
}

async fn add(
    tx: &mut Tx,
    id: Uuid,
    (into, from): (Uuid, Uuid),
    new: &NewMerge,
    context: &RequestContext,
    approved_by: &str,
    now: Micros,
) -> Result<(), Error> {
    let evidence = to_json(&new.evidence)?;
    let choices = to_json(&new.choices)?;
    on_tx!(tx, |c| {
        sqlx::query(ADD)
            .bind(id)
            .bind(into)
            .bind(from)
            .bind(new.into_id)
            .bind(new.from_id)
            .bind(now)
            .bind(&context.actor)
            .bind(&context.reason)
            .bind(evidence)
            .bind(choices)
            .bind(approved_by)
            .execute(c)
            .await?;
    });
    Ok(())
}

/// Sets the number of records of a person, on the canonical one.
pub async fn set_records(tx: &mut Tx, person: Uuid, records: usize) -> Result<(), Error> {
    let records = i64::try_from(records).unwrap_or(i64::MAX);
    on_tx!(tx, |c| {
        sqlx::query(SET_RECORDS).bind(person).bind(records).execute(c).await?;
    });
    Ok(())
}

/// Checks that the chosen values are of records of the two.
pub fn check_choices(new: &NewMerge, records: &[Uuid]) -> Result<(), Error> {
    let mut violations = Vec::new();
    for (index, (_, record)) in new.choices.iter().enumerate() {
        if !records.contains(record) {
            let field = format!("profile_choices[{index}].customer_id");
            violations.push(Violation::new(field, "is a record of neither customer"));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
}

/// Whether two people have different verified accounts or customer numbers in one system, and share
/// none. `rows` are their strong keys: record, key and verification.
pub fn have_other_verified(rows: &[(Uuid, String, String)], one: &[Uuid], other: &[Uuid]) -> bool {
    let keys = |records: &[Uuid]| -> Vec<&str> {
        let verified = rows.iter().filter(|row| row.2 == Verification::Verified.code());
        verified.filter(|row| records.contains(&row.0)).map(|row| row.1.as_str()).collect()
    };
    identifier_resolution::have_other_numbers(&keys(one), &keys(other))
}
