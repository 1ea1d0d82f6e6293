//! Profile resolution: the profile of a person whose customer records were merged.

use uuid::Uuid;

use crate::model::{
    FieldOrigin, Merge, Micros, Profile, ProfileField, ProfileSource, StoredProfile,
};

/// A record of the person.
#[derive(Clone, Debug)]
pub struct RecordProfile {
    pub customer_id: Uuid,
    pub created_at: Micros,
    pub kept: StoredProfile,
}

/// The profile of a person, with the source of each value. For each field it takes the value that
/// was last chosen by a merge or by a change after one, which may be an empty value; otherwise
/// verified values come before claimed ones, and newer before older. On a tie, the record with the
/// smaller id wins.
pub fn resolve_profile(
    records: &[RecordProfile],
    merges: &[Merge],
) -> (Profile, Vec<ProfileSource>) {
    let mut profile = Profile::default();
    let mut sources = Vec::new();
    for field in ProfileField::ALL {
        let best = records
            .iter()
            .filter_map(|record| {
                let given = record.kept.given(field, record.created_at);
                let chosen_at = chosen_at(record, field, &given, merges);
                let known = !record.kept.profile.lacks(field) || chosen_at.is_some();
                known.then_some(((chosen_at, given.verified, given.at), record, given))
            })
            .min_by_key(|(rank, record, _)| (std::cmp::Reverse(*rank), record.customer_id));
        if let Some((_, record, given)) = best.filter(|it| !it.1.kept.profile.lacks(field)) {
            profile.take(&record.kept.profile, field);
            sources.push(ProfileSource { field, customer_id: record.customer_id, given });
        }
    }
    (profile, sources)
}

/// When the value was last chosen for the whole person. A choice of a record without a value does
/// not count. A change of the whole person counts as long as the record is still merged as it was
/// then: with a record that was part of it before the change.
fn chosen_at(
    record: &RecordProfile,
    field: ProfileField,
    given: &FieldOrigin,
    merges: &[Merge],
) -> Option<Micros> {
    let by_merges = merges
        .iter()
        .filter(|merge| merge.choices.contains(&(field, record.customer_id)))
        .map(|merge| merge.merged_at)
        .filter(|_| !record.kept.profile.lacks(field));
    let by_change = given.chosen_at.filter(|at| {
        merges.iter().any(|merge| merge.into_id == record.customer_id && merge.merged_at <= *at)
    });
    by_merges.chain(by_change).max()
}
