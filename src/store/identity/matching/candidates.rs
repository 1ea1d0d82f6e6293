//! Ranks candidates by the profile of a call.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{index::frequencies, people::person, state::State};
use crate::{
    domain::matching::Person,
    error::Error,
    model::{Candidate, Identifier, Profile},
    store::Store,
};

impl Store {
    /// Scores candidates by the profile of a call, ignoring the identifiers that they share with
    /// it, and sorts the likeliest first.
    pub(in crate::store) async fn rank_candidates(
        &self,
        profile: &Profile,
        identifiers: &[Identifier],
        candidates: &mut [Candidate],
    ) -> Result<(), Error> {
        if profile.is_empty() || candidates.is_empty() {
            return Ok(());
        }
        let shared: Vec<String> = identifiers.iter().map(Identifier::key).collect();
        let own = person(profile, std::iter::empty())?;
        let mut theirs: BTreeMap<Uuid, Person> = BTreeMap::new();
        for candidate in candidates.iter() {
            let id = candidate.customer_id;
            // A candidate that was merged meanwhile is found by its old id too.
            let Some(customer) = self.get_customer(id).await? else { continue };
            let keys = customer.identifiers.iter().map(|kept| kept.identifier.key());
            let keys: Vec<String> = keys.filter(|key| !shared.contains(key)).collect();
            theirs.insert(id, person(&customer.profile, keys.iter())?);
        }
        let state = State::read(&self.db).await?;
        let all = theirs.values().chain([&own]);
        let frequencies = frequencies(&self.db, state.people, all).await?;
        for candidate in candidates.iter_mut() {
            let their = theirs.get(&candidate.customer_id);
            candidate.profile_match =
                their.map(|their| state.model.probability(&own, their, &frequencies));
        }
        // The order of equal candidates is kept.
        candidates.sort_by(|one, other| {
            let of = |it: &Candidate| it.profile_match.unwrap_or(0.0);
            of(other).total_cmp(&of(one))
        });
        Ok(())
    }
}
