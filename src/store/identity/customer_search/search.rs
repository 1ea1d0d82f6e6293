//! The state of a search.

use std::collections::{BTreeMap, BTreeSet, HashMap, btree_map::Entry};

use uuid::Uuid;

use super::{dialect::PROFILES_BY_ID, packed};
use crate::{
    domain::customer_search::explain,
    error::Error,
    model::{Clue, FoundCustomer, Match, Position, Profile, Reading},
    store::{Store, write::writes::read_profile},
};

/// How many customers a search returns at most; a more specific query finds the others.
pub const BEST: usize = 200;

/// How many records are checked against a reading.
pub const MAX_CANDIDATES: usize = 400;

/// The state of a search.
pub struct Search<'a> {
    pub(super) store: &'a Store,
    /// The records read so far.
    pub(super) records: HashMap<Uuid, Record>,
    /// The best match of each person.
    pub(super) found: BTreeMap<Uuid, Match>,
}

/// A customer record.
pub struct Record {
    /// The canonical record of the person.
    pub(super) person_id: Uuid,
    pub(super) profile: Profile,
}

impl Search<'_> {
    /// Checks records against a reading: whether clue and words match. Returns how many matched.
    pub(super) async fn weigh(
        &mut self,
        reading: &Reading,
        candidates: Vec<(Uuid, Option<Match>)>,
    ) -> Result<usize, Error> {
        self.read(candidates.iter().map(|(id, _)| *id)).await?;
        let places = !matches!(reading.clue, Clue::Name { places: false });
        let mut hits = BTreeSet::new();
        for (id, by_clue) in candidates {
            let Some(record) = self.records.get(&id) else { continue };
            let by_words = match reading.words.is_empty() {
                true => None,
                false => match explain(&reading.words, &record.profile, places) {
                    None => continue,
                    explained => explained,
                },
            };
            let found = match (by_clue, by_words) {
                (Some(one), Some(other)) => one.and(other),
                (Some(found), None) | (None, Some(found)) => found,
                (None, None) => continue,
            };
            // Here the records of a person become one result.
            let person = record.person_id;
            hits.insert(person);
            match self.found.entry(person) {
                Entry::Vacant(vacant) => {
                    vacant.insert(found);
                }
                Entry::Occupied(mut best) if found.distance < best.get().distance => {
                    best.insert(found);
                }
                Entry::Occupied(_) => {}
            }
        }
        Ok(hits.len())
    }

    /// Reads records that were not read before.
    pub(super) async fn read(&mut self, ids: impl Iterator<Item = Uuid>) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        let new = ids.filter(|id| !self.records.contains_key(id) && seen.insert(*id));
        let new: Vec<Uuid> = new.take(MAX_CANDIDATES).collect();
        if new.is_empty() {
            return Ok(());
        }
        type Row = (Option<Vec<u8>>, Option<Vec<u8>>, Option<String>);
        let rows: Vec<Row> = self.store.db.by_ids(PROFILES_BY_ID, &new).await?;
        for (records, persons, profiles) in rows {
            let records = packed::ids(records);
            let profiles = packed::texts(profiles.as_deref(), records.len())?;
            for ((id, person_id), profile) in
                records.into_iter().zip(packed::ids(persons)).zip(profiles)
            {
                if self.store.is_restricted(id) {
                    continue;
                }
                let profile = read_profile(profile)?.profile;
                self.records.insert(id, Record { person_id, profile });
            }
        }
        Ok(())
    }

    /// The page after `after`, with the identifiers of its customers.
    pub(super) async fn page(
        mut self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<FoundCustomer>, Error> {
        let mut found: Vec<(Uuid, Match)> = std::mem::take(&mut self.found).into_iter().collect();
        found.sort_by_key(|(id, found)| (found.distance, *id));
        found.truncate(BEST);
        if let Some(after) = after {
            let after = (after.occurred_at, after.entry_id);
            found.retain(|(id, found)| (i64::from(found.distance), *id) > after);
        }
        found.truncate(limit);

        let ids: Vec<Uuid> = found.iter().map(|(id, _)| *id).collect();
        let mut customers = self.store.list_customers(&ids).await?;
        let found = found.into_iter().filter_map(|(id, found)| {
            Some(FoundCustomer { customer: customers.remove(&id)?, found })
        });
        Ok(found.collect())
    }
}
