//! Invariants of a database, whatever came before.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use throughline::pb;
use uuid::Uuid;

use super::{by_shop, races::Acknowledged, rows::Rows, unmerge};
use crate::{calls::list, support::Server};

/// The number of violations of each kind; numbers and ids come after a colon.
pub fn counted(broken: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for what in broken {
        *counts.entry(what.split(':').next().unwrap_or_default()).or_default() += 1;
    }
    counts
}

/// The data of all customers.
struct Standing {
    /// The canonical record, the number of records of the person, and the revision, by record.
    customers: BTreeMap<Uuid, (Uuid, i64, i64)>,
    /// From merged canonical records to the ones they were merged into, and the merges.
    merges: BTreeMap<Uuid, (Uuid, Uuid)>,
    /// The ids of the entries of each record, with their revisions.
    entries: BTreeMap<Uuid, Vec<(Uuid, i64)>>,
}

impl Standing {
    async fn read(rows: &mut Rows, broken: &mut Vec<String>) -> Self {
        let mut customers = BTreeMap::new();
        for (id, revision, person, records) in rows.customers().await {
            customers.insert(id, (person, records, revision));
        }
        let mut merges = BTreeMap::new();
        for (id, into, from) in rows.merges_in_force().await {
            if merges.insert(from, (into, id)).is_some() {
                broken.push(format!("a record is part of two others: {from}"));
            }
        }
        let mut entries: BTreeMap<Uuid, Vec<(Uuid, i64)>> = BTreeMap::new();
        for (record, id, payload) in rows.payloads().await {
            let page = pb::ListTimelineResponse::decode(payload.as_slice()).unwrap();
            entries.entry(record).or_default().push((id, page.entries[0].revision));
        }
        Self { customers, merges, entries }
    }

    /// Follows merges from a record to the canonical one; none in a cycle.
    fn root(&self, record: Uuid) -> Option<Uuid> {
        let mut at = record;
        for _ in 0..=self.customers.len() {
            match self.merges.get(&at) {
                None => return Some(at),
                Some((into, _)) => at = *into,
            }
        }
        None
    }

    fn check(&self, broken: &mut Vec<String>) {
        let mut sizes: BTreeMap<Uuid, i64> = BTreeMap::new();
        for (id, (person, ..)) in &self.customers {
            *sizes.entry(*person).or_default() += 1;
            match self.root(*id) {
                None => broken.push(format!("a cycle: {id}")),
                Some(root) if root != *person => {
                    broken.push(format!("a canonical id that the merges do not lead to: {id}"));
                }
                Some(_) => {}
            }
        }
        for (id, (person, records, revision)) in &self.customers {
            let wanted = if id == person { sizes[id] } else { 0 };
            if *records != wanted {
                broken.push(format!("a wrong number of records: {id} {records}, not {wanted}"));
            }
            let entries = self.entries.get(id).map_or(&[][..], Vec::as_slice);
            let revisions: BTreeSet<i64> = entries.iter().map(|entry| entry.1).collect();
            if revisions.len() != entries.len() {
                broken.push(format!("a revision twice: {id}"));
            }
            if revisions.last().is_some_and(|last| last > revision) {
                broken.push(format!("an entry of a revision to come: {id}"));
            }
        }
    }
}

/// The violations once all calls have ended.
pub async fn check(
    rows: &mut Rows,
    servers: &[Server],
    acknowledged: &[Acknowledged],
) -> Vec<String> {
    let mut broken = Vec::new();
    let standing = Standing::read(rows, &mut broken).await;
    standing.check(&mut broken);
    for key in rows.keys_verified_twice().await {
        broken.push(format!("an identifier verified twice: {key}"));
    }

    let all = || standing.entries.iter().flat_map(|(id, it)| it.iter().map(|it| (*id, it.0)));
    let ids: BTreeMap<String, Uuid> = all().map(|(record, id)| (id.to_string(), record)).collect();
    if ids.len() != all().count() {
        broken.push("an entry in two records".to_owned());
    }
    for (entry, record) in acknowledged {
        match ids.get(entry) {
            None => broken.push(format!("an acknowledged entry is lost: {entry}")),
            Some(found) if found.to_string() != *record => {
                broken.push(format!("an entry has moved: {entry}"));
            }
            Some(_) => {}
        }
    }
    let names: BTreeSet<&String> = acknowledged.iter().map(|(entry, _)| entry).collect();
    if names.len() != acknowledged.len() {
        broken.push("an entry was acknowledged twice".to_owned());
    }

    // Each id leads to all entries of the person, and to no others.
    for (number, id) in standing.customers.keys().enumerate() {
        let server = &servers[number % servers.len()];
        let root = standing.customers[id].0;
        let person = standing.customers.iter().filter(|(_, it)| it.0 == root);
        let wanted: BTreeSet<String> = person
            .flat_map(|(record, _)| standing.entries.get(record).into_iter().flatten())
            .map(|entry| entry.0.to_string())
            .collect();
        match timeline(server, &id.to_string()).await {
            Ok(found) if found == wanted => {}
            Ok(_) => broken.push(format!("a timeline that is not the person's: {id}")),
            Err(what) => broken.push(format!("a timeline cannot be read: {id} {what}")),
        }
    }
    broken
}

/// The ids of a whole timeline.
async fn timeline(server: &Server, id: &str) -> Result<BTreeSet<String>, String> {
    let mut call = pb::ListTimelineRequest { page_size: 200, ..list(id) };
    let mut found = BTreeSet::new();
    loop {
        let page = server.timeline.clone().list_timeline(call.clone()).await;
        let page = page.map_err(|status| status.message().to_owned())?.into_inner();
        for entry in page.entries {
            if !found.insert(entry.id) {
                return Err("an entry twice".to_owned());
            }
        }
        if page.next_page_token.is_empty() {
            return Ok(found);
        }
        call.page_token = page.next_page_token;
    }
}

/// Undoes every merge, the last first; afterwards each record is separate again with its own data.
pub async fn take_apart(rows: &mut Rows, server: &Server) -> Vec<String> {
    let mut broken = Vec::new();
    let mut merges = rows.merges_in_force().await;
    // A merge that others depend on waits for them.
    while !merges.is_empty() {
        let mut left = Vec::new();
        for merge in merges.iter().rev() {
            let call = by_shop(unmerge(&merge.0.to_string()));
            if server.customers.clone().unmerge_customers(call).await.is_err() {
                left.push(*merge);
            }
        }
        if left.len() == merges.len() {
            broken.push(format!("merges that cannot be taken back: {left:?}"));
            return broken;
        }
        left.reverse();
        merges = left;
    }
    let standing = Standing::read(rows, &mut broken).await;
    standing.check(&mut broken);
    for (id, (person, ..)) in &standing.customers {
        if id != person {
            broken.push(format!("a record that is not apart: {id}"));
        }
    }
    broken
}
