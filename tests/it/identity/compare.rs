//! Compares everything that is shown of every customer with the oracle.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use throughline::{
    error::Error,
    model::{
        Customer, EntryFilter, Identifier, MergeConflict, Micros, Order, Position,
        StoredIdentifier, Verification,
    },
    pb,
    store::PageRequest,
};
use uuid::Uuid;

use super::{
    call::{ACTORS, Change, DAY, FIELDS, KEYS, SOURCES},
    oracle::{Against, Owner, Refused, Said, Shown, ShownClaim},
    world::{World, Wrong, same, value},
};
use crate::random::Random;

impl World {
    /// Every id that ever existed is answered as the oracle says.
    pub async fn compare(&mut self, random: &mut Random) -> Result<(), Wrong> {
        self.compare_rows().await?;
        for record in 0..self.oracle.records.len() {
            let customer = self.store.get_customer(self.id(record)).await;
            let customer = customer.map_err(wrong)?.ok_or("a customer has gone")?;
            let shown = self.shown(&customer)?;
            same("a customer", &shown, &self.oracle.shown(record))?;
            self.check_seen(&customer.identifiers, record)?;
            self.check_etag(&customer, &shown)?;
            self.compare_timeline(record, random).await?;
            self.compare_identifiers(record, random).await?;
        }
        for key in 0..KEYS.len() {
            let found = self.store.find_owner(&self.identifier((key, false))).await;
            let found = found.map_err(|error| self.refused(&error));
            let wanted = match self.oracle.owner(key) {
                Owner::Nobody => Ok(None),
                Owner::One(record) => Ok(Some(self.id(self.oracle.root(record)))),
                Owner::Unclear => Err(Refused::Ambiguous),
            };
            same("whom an identifier names", &found, &wanted)?;
        }
        Ok(())
    }

    /// No entry was lost, duplicated or rewritten, and the rows have the right person.
    async fn compare_rows(&mut self) -> Result<(), Wrong> {
        let mut entries = BTreeMap::new();
        for record in 0..self.oracle.records.len() {
            let id = self.id(record);
            let (person, root) = (self.oracle.person(record), self.oracle.root(record));
            let count = if root == record { i64::try_from(person.len()).unwrap() } else { 0 };
            let wanted = (self.oracle.records[record].revision, self.id(root), count);
            same("the row of a customer", &self.rows.customer(id).await, &wanted)?;
            let rows = self.rows.entries(id).await;
            let lines = self.oracle.lines.iter().filter(|line| line.record == record);
            same("how many entries a record has", &rows.len(), &lines.count())?;
            entries.extend(rows);
        }
        same("how many entries there are", &entries.len(), &self.oracle.lines.len())?;
        for (id, checksum) in &self.seen {
            same("the checksum of an entry", &entries.get(id), &Some(checksum))?;
        }
        self.seen = entries;
        Ok(())
    }

    fn shown(&self, customer: &Customer) -> Result<Shown, Wrong> {
        let mut values = [const { None }; FIELDS.len()];
        for source in &customer.sources {
            let Some(field) = FIELDS.iter().position(|field| *field == source.field) else {
                return Err(format!("a source of {:?}", source.field));
            };
            let (given, value) = (&source.given, value(&customer.profile, source.field));
            let from = SOURCES.iter().position(|it| *it == given.source).unwrap();
            values[field] = Some((value, source.customer_id, given.at, given.verified, from));
        }
        for (field, known) in FIELDS.iter().zip(&values) {
            if known.is_none() && !customer.profile.lacks(*field) {
                return Err(format!("no source of {field:?}"));
            }
        }
        let merges = customer.merges.iter().map(|merge| {
            let approved = ACTORS.iter().position(|actor| *actor == merge.approved_by);
            (merge.id, (merge.into_id, merge.from_id, approved))
        });
        let claims = customer.identifiers.iter().map(|kept| self.shown_claim(kept));
        Ok(Shown {
            id: customer.id,
            revision: customer.revision,
            created_at: customer.created_at,
            values,
            claims: claims.collect::<Result<_, _>>()?,
            records: customer.records.clone(),
            merges: merges.collect(),
        })
    }

    fn shown_claim(&self, kept: &StoredIdentifier) -> Result<ShownClaim, Wrong> {
        let key = self.key(&kept.identifier).ok_or("an unknown identifier")?;
        same("the raw value", &kept.identifier.raw, &self.identifier((key, false)).raw)?;
        Ok(ShownClaim {
            record: kept.customer_id,
            key,
            verification: kept.verification,
            source: SOURCES.iter().position(|source| *source == kept.source).unwrap(),
            first_seen: kept.first_seen_at,
            since: kept.valid_from,
            until: kept.valid_to,
        })
    }

    fn key(&self, identifier: &Identifier) -> Option<usize> {
        let key = identifier.key();
        (0..KEYS.len()).find(|number| self.identifier((*number, false)).key() == key)
    }

    /// The time when an identifier was last seen is accurate to a day.
    fn check_seen(&self, kept: &[StoredIdentifier], record: usize) -> Result<(), Wrong> {
        let claims: BTreeMap<ShownClaim, Micros> =
            self.oracle.claims_of(record).into_iter().collect();
        for kept in kept {
            let seen = claims.get(&self.shown_claim(kept)?);
            let seen = *seen.ok_or_else(|| format!("an unknown claim {kept:?}"))?;
            if !(seen - DAY < kept.last_seen_at && kept.last_seen_at <= seen) {
                return Err(format!("last seen at {seen}, and not {kept:?}"));
            }
        }
        Ok(())
    }

    /// An etag identifies one state.
    fn check_etag(&mut self, customer: &Customer, shown: &Shown) -> Result<(), Wrong> {
        let state = format!("{shown:?}");
        let name = (customer.id, customer.etag());
        let before = self.etags.entry(name).or_insert_with(|| state.clone());
        same("the state of an etag", &state, before)
    }

    async fn compare_timeline(&mut self, record: usize, random: &mut Random) -> Result<(), Wrong> {
        let person = self.oracle.person(record);
        let root = self.id(self.oracle.root(record));
        let revision: i64 = person.iter().map(|it| self.oracle.records[*it].revision).sum();
        let lines = self.oracle.lines.iter().filter(|line| person.contains(&line.record));
        let wanted: BTreeSet<_> = lines
            .map(|line| {
                let id = self.id(line.record);
                (id, line.revision, line.occurred_at, line.recorded_at, line.said.clone())
            })
            .collect();
        // Both orders for the canonical id, one of them for any other.
        let mut orders = vec![Order::NewestFirst, Order::OldestFirst];
        if root != self.id(record) {
            orders.remove(random.below(2));
        }
        for order in orders {
            let mut found = BTreeSet::new();
            let mut last = None;
            let mut after = None;
            loop {
                let limit = 1 + random.below(7);
                let filter = EntryFilter::default();
                let request = PageRequest { filter, order, after, limit };
                let page = self.store.list_timeline(self.id(record), &request).await;
                let page = page.map_err(wrong)?;
                let said = (page.customer_id, page.revision);
                same("whose page it is", &said, &(root, revision))?;
                let entries = pb::ListTimelineResponse::decode(page.entries.bytes()).unwrap();
                for entry in entries.entries {
                    let id: Uuid = entry.id.parse().unwrap();
                    let at = micros(entry.occurred_at);
                    let follows = match order {
                        Order::NewestFirst => last.is_none_or(|last| (at, id) < last),
                        Order::OldestFirst => last.is_none_or(|last| (at, id) > last),
                    };
                    if !follows {
                        return Err(format!("{id} is out of order"));
                    }
                    last = Some((at, id));
                    let customer: Uuid = entry.customer_id.parse().unwrap();
                    let recorded_at = micros(entry.recorded_at);
                    found.insert((customer, entry.revision, at, recorded_at, self.said(&entry)));
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            same("a timeline", &found, &wanted)?;
        }
        // One of its own entries, and one of another customer.
        for line in [random.below(self.oracle.lines.len().max(1)), 0] {
            let Some(line) = self.oracle.lines.get(line) else { continue };
            if let Said::Entry(id, _) = line.said {
                let found = self.store.get_entry(self.id(record), id).await.map_err(wrong)?;
                same("an entry", &found.is_some(), &person.contains(&line.record))?;
            }
        }
        Ok(())
    }

    /// The content of an entry.
    fn said(&self, entry: &pb::Entry) -> Said {
        use pb::identity_change::Change as Sort;
        let Some(pb::entry::Content::IdentityChange(change)) = &entry.content else {
            return Said::Entry(entry.id.parse().unwrap(), entry.agent.clone());
        };
        let actor = ACTORS.iter().position(|actor| *actor == change.actor).unwrap();
        let other = change.other_customer_id.parse().ok().and_then(|id| self.number(id));
        let merge: Option<Uuid> = change.merge_id.parse().ok();
        let key = change.identifier.as_ref().and_then(|told| {
            let told = (told.kind - 1, told.namespace.as_str(), told.value.as_str());
            (0..KEYS.len()).find(|key| {
                let it = self.identifier((*key, false));
                (it.kind as i32, it.namespace.as_str(), it.value.as_str()) == told
            })
        });
        match change.change() {
            Sort::Linked => {
                let verification = match change.verification() {
                    pb::IdentifierVerification::Verified => Verification::Verified,
                    pb::IdentifierVerification::Shared => Verification::Shared,
                    _ => Verification::Claimed,
                };
                Said::Linked { key: key.unwrap(), verification, actor }
            }
            Sort::Unlinked => Said::Unlinked { key: key.unwrap(), actor },
            Sort::Merged => Said::Merged { into: other.unwrap(), merge: merge.unwrap(), actor },
            Sort::Unmerged => {
                Said::Unmerged { other: other.unwrap(), merge: merge.unwrap(), actor }
            }
            Sort::MergeExcluded => Said::MergeExcluded { other: other.unwrap(), actor },
            Sort::MergeExclusionLifted => Said::Lifted { other: other.unwrap(), actor },
            Sort::Unspecified => panic!("a change of no sort"),
        }
    }

    async fn compare_identifiers(
        &mut self,
        record: usize,
        random: &mut Random,
    ) -> Result<(), Wrong> {
        let claims = self.oracle.claims_of(record).into_iter().map(|(claim, _)| claim);
        for include_ended in [false, true] {
            let mut wanted: Vec<_> = claims.clone().collect();
            wanted.retain(|claim| include_ended || claim.until.is_none());
            wanted.sort();
            let mut found = Vec::new();
            let mut after: Option<Position> = None;
            loop {
                let limit = 1 + random.below(5);
                let id = self.id(record);
                let page = self.store.list_identifiers(id, include_ended, after, limit).await;
                let page = page.map_err(wrong)?;
                let Some(last) = page.last() else { break };
                let place = |kept: &StoredIdentifier| (kept.valid_from, kept.claim_id);
                let before = after.map(|after| (after.occurred_at, after.entry_id));
                let sorted = page.is_sorted_by_key(place);
                if before.is_some_and(|before| place(&page[0]) <= before) || !sorted {
                    return Err("identifiers out of order".to_owned());
                }
                let (occurred_at, entry_id) = place(last);
                after = Some(Position { occurred_at, entry_id });
                self.check_seen(&page, record)?;
                for kept in &page {
                    found.push(self.shown_claim(kept)?);
                }
            }
            found.sort();
            same("the identifiers", &found, &wanted)?;
        }
        Ok(())
    }

    /// A dry run of a merge returns its result, or what prevents it.
    pub async fn preview(&mut self, change: &Change) -> Result<(), Wrong> {
        let Change::Merge { into, from, choices, .. } = change else { unreachable!() };
        let new = self.new_merge(change).await;
        let preview = self.store.preview_merge(&new).await;
        let wanted = self.oracle.check_merge(change);
        let preview = match preview {
            Ok(preview) => preview,
            Err(error) => {
                return same("a preview", &Err(self.refused(&error)), &wanted);
            }
        };
        same("a preview", &Ok(()), &wanted)?;
        let conflicts = preview.conflicts.iter().map(|conflict| match conflict {
            MergeConflict::FieldDiffers(field) => {
                Against::Field(FIELDS.iter().position(|it| it == field).unwrap())
            }
            MergeConflict::NeedsApproval => Against::NeedsApproval,
            MergeConflict::MergeExcluded => Against::MergeExcluded,
            MergeConflict::SameOrderNumber(order) => {
                Against::SameOrder(order.trim_start_matches("w-").parse().unwrap())
            }
            MergeConflict::TooManyRecords => panic!("too many records"),
        });
        let against = self.oracle.against(*into, *from);
        same("what stands against a merge", &conflicts.collect(), &against)?;

        let mut after = self.oracle.clone();
        after.join(*into, *from, choices, Uuid::nil(), 0, None);
        let wanted = after.shown(*into);
        let shown = self.shown(&preview.customer)?;
        let seen = (shown.id, shown.created_at, shown.values, shown.claims, shown.records);
        let wanted = (wanted.id, wanted.created_at, wanted.values, wanted.claims, wanted.records);
        same("a customer as it would be", &seen, &wanted)?;

        let person = after.person(*into);
        let lines = self.oracle.lines.iter().filter(|line| person.contains(&line.record));
        let mut times: Vec<Micros> = lines.map(|line| line.occurred_at).collect();
        times.sort_unstable_by(|a, b| b.cmp(a));
        times.truncate(20);
        let entries = pb::ListTimelineResponse::decode(preview.entries.bytes()).unwrap();
        let entries = entries.entries.iter().map(|entry| micros(entry.occurred_at));
        same("the head of the joined timeline", &entries.collect(), &times)
    }
}

fn wrong(error: Error) -> Wrong {
    format!("{error:?}")
}

fn micros(at: Option<prost_types::Timestamp>) -> Micros {
    let at = at.unwrap();
    at.seconds * 1_000_000 + i64::from(at.nanos / 1000)
}
