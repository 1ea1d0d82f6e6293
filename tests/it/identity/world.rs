//! The store and the oracle side by side: makes each call on both and compares the answers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use prost::Message as _;
use throughline::{
    clock::MovedClock,
    error::{Error, InvalidReason},
    model::{
        Address, BodyHash, CaseChoice, Channel, EndedLink, EntryKind, IdempotencyKey, Identifier,
        NewEntry, NewLink, NewMerge, Origin, Profile, ProfileField, RecordEntry, RecordedEntry,
        RequestContext, Target,
    },
    pb,
    store::{ProfileChange, Store},
};
use uuid::Uuid;

use super::{
    call::{self, ACTORS, Call, Change, Etag, FIELDS, Item, KEYS, Key, SOURCES, Values, Who},
    oracle::{Oracle, Outcome, Refused, Said},
    rows::Rows,
};
use crate::support::NOW;

/// A description of what is wrong.
pub type Wrong = String;

/// Fails if two values differ.
pub fn same<T: Debug + PartialEq>(what: &str, store: &T, oracle: &T) -> Result<(), Wrong> {
    if store == oracle {
        return Ok(());
    }
    Err(format!("{what}:\n  the store  {store:?}\n  the oracle {oracle:?}"))
}

pub struct World {
    pub store: Store,
    pub rows: Rows,
    pub oracle: Oracle,
    pub clock: &'static MovedClock,
    /// Distinguishes the values of one sequence from those of another in the same database.
    pub run: u32,
    /// The known ids of the oracle's lines.
    pub seen: BTreeMap<Uuid, u64>,
    /// The customer shown with each etag.
    pub etags: BTreeMap<(Uuid, String), String>,
}

impl World {
    pub fn number(&self, id: Uuid) -> Option<usize> {
        self.oracle.records.iter().position(|record| record.id == id)
    }

    pub fn id(&self, record: usize) -> Uuid {
        self.oracle.records.get(record).map_or(Uuid::from_u128(7), |record| record.id)
    }

    fn request_id(&self, number: usize) -> Uuid {
        Uuid::from_u128((0x7e57 << 112) | (u128::from(self.run) << 64) | number as u128)
    }

    pub fn identifier(&self, (key, verified): Key) -> Identifier {
        let (kind, namespace, stem) = KEYS[key];
        let value = format!("{stem}{}", self.run);
        let (raw, namespace) = (format!("raw {value}"), namespace.to_owned());
        Identifier { kind, namespace, value, raw, mixed_script: false, verified }
    }

    fn identifiers(&self, keys: &[Key]) -> Vec<Identifier> {
        keys.iter().map(|key| self.identifier(*key)).collect()
    }

    fn item(&self, item: &Item, id: Uuid) -> RecordEntry {
        let target = match &item.who {
            Who::Record(record) => Target::Customer(self.id(*record)),
            Who::Keys(keys) => Target::Identifiers(self.identifiers(keys)),
        };
        let occurred_at = NOW + item.at;
        let order = |order: usize| format!("w-{order}");
        let content = pb::Entry {
            occurred_at: Some(pb::timestamp(occurred_at)),
            agent: item.text.to_string(),
            ..pb::Entry::default()
        };
        let reply = item.reply.map(|line| &self.oracle.lines[line].said);
        let source_ref = format!("{}.{}", self.run, item.name);
        let source = IdempotencyKey::Source { source: "test".to_owned(), source_ref };
        let request = item.request.map(|it| IdempotencyKey::Request(self.request_id(it)));
        RecordEntry {
            target,
            profile: self.profile(item.values),
            origin: origin(item.origin),
            entry: NewEntry {
                id,
                occurred_at,
                kind: EntryKind::Note,
                channel: Some(Channel::Phone),
                purchase: item.order.map(order),
                order_event: None,
                orders: item.about.map(order).into_iter().collect(),
                complaint: false,
                reply_to: reply.map(|said| match said {
                    Said::Entry(id, _) | Said::Merged { merge: id, .. } => *id,
                    _ => Uuid::from_u128(7),
                }),
                case_id: None,
                words: String::new(),
                flags: Vec::new(),
                content: content.encode_to_vec(),
            },
            case: CaseChoice::None,
            names: request.into_iter().chain([source]).collect(),
            body: hash(&item.body()),
            time_violations: Vec::new(),
        }
    }

    fn profile(&self, values: Values) -> Profile {
        let text = |value: u8| match value {
            0 => String::new(),
            value => format!("{value} of {}", self.run),
        };
        let address = Address { locality: text(values[2]), ..Address::default() };
        Profile {
            given_name: text(values[0]),
            birth_date: text(values[1]),
            address,
            ..Profile::default()
        }
    }

    /// The oracle's number of the customer in an answer.
    fn settle(&mut self, outcome: &Outcome, id: Uuid) {
        if outcome.created
            && !outcome.repeated
            && let Some(record) = outcome.record
        {
            self.oracle.records[record].id = id;
        }
    }

    /// Makes a call on both.
    pub async fn call(&mut self, call: &Call) -> Result<(), Wrong> {
        self.oracle.now = throughline::clock::Clock::Moved(self.clock).now();
        match call {
            Call::Identify { keys, values, origin } => self.identify(keys, *values, *origin).await,
            Call::Record { items, each } => self.record(items, *each).await,
            Call::Change { change, .. } => {
                if let Change::Merge { .. } = change {
                    self.preview(change).await?;
                }
                self.change(call).await
            }
        }
    }

    async fn identify(
        &mut self,
        keys: &[Key],
        values: Values,
        from: call::Origin,
    ) -> Result<(), Wrong> {
        let identifiers = self.identifiers(keys);
        let identified = self.store.identify(identifiers, self.profile(values), origin(from)).await;
        let identified = identified.map_err(|error| format!("identify: {error:?}"))?;
        let outcome = self.oracle.identify(keys, values, from);
        let customer = identified.customer.map(|customer| customer.id);
        self.settle(&outcome, customer.unwrap_or_default());

        let root = outcome.record.map(|record| self.id(self.oracle.root(record)));
        same("the customer identified", &customer, &root)?;
        same("whether created", &identified.created, &outcome.created)?;
        self.check_conflicts(&identified.conflicts, &outcome)?;
        let candidates: BTreeMap<_, _> = identified
            .candidates
            .into_iter()
            .map(|it| (self.number(it.customer_id).unwrap(), (it.indices, it.verification)))
            .collect();
        same("the candidates", &candidates, &outcome.candidates)
    }

    fn check_conflicts(
        &self,
        conflicts: &[throughline::model::Conflict],
        outcome: &Outcome,
    ) -> Result<(), Wrong> {
        let found = conflicts.iter().map(|it| (it.index, it.customer_id)).collect::<Vec<_>>();
        let wanted = outcome.conflicts.iter().map(|it| (it.0, self.id(it.1))).collect();
        same("the conflicts", &found, &wanted)
    }

    async fn record(&mut self, items: &[Item], each: bool) -> Result<(), Wrong> {
        let ids: Vec<Uuid> =
            items.iter().map(|_| throughline::clock::Clock::Moved(self.clock).new_id()).collect();
        let records = items.iter().zip(&ids).map(|(item, id)| self.item(item, *id)).collect();
        if each {
            let answers = self.store.record_each(records).await;
            let answers = answers.map_err(|error| format!("record each: {error:?}"))?;
            for ((item, id), answer) in items.iter().zip(ids).zip(answers) {
                let outcome = self.oracle.record(item, id);
                match (answer, outcome) {
                    (Ok(answer), Ok(outcome)) => self.check_recorded(&answer, &outcome)?,
                    (answer, outcome) => {
                        let answer = answer.map(drop).map_err(|error| self.refused(&error));
                        same("an entry of many", &answer, &outcome.map(drop))?;
                    }
                }
            }
            return Ok(());
        }
        let answers = self.store.record(records).await;
        match (answers, self.oracle.batch(items, &ids)) {
            (Ok(answers), Ok(outcomes)) => {
                for (answer, outcome) in answers.iter().zip(&outcomes) {
                    self.check_recorded(answer, outcome)?;
                }
                Ok(())
            }
            (answers, outcomes) => {
                let answers = answers.map(drop).map_err(|error| self.refused(&error));
                same("a batch", &answers, &outcomes.map(drop))
            }
        }
    }

    fn check_recorded(&mut self, answer: &RecordedEntry, outcome: &Outcome) -> Result<(), Wrong> {
        self.settle(outcome, answer.record_id);
        let (record, line) = (outcome.record.unwrap(), &self.oracle.lines[outcome.line.unwrap()]);
        let Said::Entry(id, _) = line.said else { unreachable!() };
        let found = (
            answer.record_id,
            answer.customer_id,
            answer.entry_id,
            (answer.revision, answer.recorded_at),
            (answer.customer_created, answer.already_recorded),
        );
        let root = self.id(self.oracle.root(record));
        let wanted = (
            self.id(record),
            root,
            id,
            (line.revision, line.recorded_at),
            (outcome.created, outcome.repeated),
        );
        same("an entry recorded", &found, &wanted)?;
        self.check_conflicts(&answer.conflicts, outcome)
    }

    async fn change(&mut self, call: &Call) -> Result<(), Wrong> {
        let Call::Change { change, actor, request } = call else { unreachable!() };
        let (change, listed) = match change {
            Change::Dismiss { record, other, nth } => {
                let listed = self.suggested(*record).await?;
                let nth = nth.and_then(|nth| listed.iter().cycle().nth(nth).copied());
                let (record, other) = (*record, nth.unwrap_or(*other));
                let is_listed =
                    other < self.oracle.records.len() && listed.contains(&self.oracle.root(other));
                (&Change::Dismiss { record, other, nth: None }, is_listed)
            }
            _ => (change, false),
        };
        // A suggestion by its index in the list: later, the same index may be another one.
        let body = format!("{change:?} {actor}");
        let context = RequestContext {
            request_id: self.request_id(*request),
            body: hash(&body),
            actor: ACTORS[*actor].to_owned(),
            reason: "because".to_owned(),
            time_violations: Vec::new(),
        };
        let mut merged = Uuid::nil();
        let mut kept = None;
        let answer = match change.clone() {
            Change::Link { record, key, shared, take_over, may_verify, source } => {
                let link = NewLink {
                    customer_id: self.id(record),
                    identifier: self.identifier(key),
                    shared,
                    take_over,
                    may_verify,
                    source: SOURCES[source].to_owned(),
                };
                let answer = self.store.link_identifier(link, context).await;
                answer.map(|it| kept = Some((it.customer_id, it.identifier.key())))
            }
            Change::Unlink { record, key, may_verify } => {
                let identifier = self.identifier((key, false));
                let link = EndedLink { customer_id: self.id(record), identifier, may_verify };
                self.store.unlink_identifier(link, context).await.map(drop)
            }
            Change::Merge { .. } => {
                let new = self.new_merge(change).await;
                self.store.merge(new, context).await.map(|(merge, _)| merged = merge.id)
            }
            Change::Approve { one, other } => {
                let (one, other) = (self.id(one), self.id(other));
                self.store.approve_merge(one, other, context).await.map(drop)
            }
            Change::Unmerge { merge, exclude_merge } => {
                let unknown = Uuid::from_u128(7);
                let id = self.oracle.edges.get(merge).map_or(unknown, |edge| edge.id);
                self.store.unmerge(id, exclude_merge, context).await.map(drop)
            }
            Change::Apart { one, other, lift } => {
                let (one, other) = (self.id(one), self.id(other));
                self.store.exclude_merge(one, other, lift, context).await
            }
            Change::Dismiss { record, other, .. } => {
                let (one, other) = (self.id(record), self.id(other));
                self.store.dismiss_suggestion(one, other, context).await
            }
            Change::Update { record, fields, origin: from, etag } => {
                let mut values = [0; FIELDS.len()];
                fields.iter().for_each(|(field, value)| values[*field] = *value);
                let change = ProfileChange {
                    customer_id: self.id(record),
                    profile: self.profile(values),
                    fields: fields.iter().map(|(field, _)| FIELDS[*field]).collect(),
                    origin: origin(from),
                    expected_etag: self.etag(record, etag).await,
                    context,
                };
                self.store.update_customer(change).await.map(drop)
            }
        };
        let asked = (change, *actor, *request);
        let wanted = self.oracle.change(asked, &body, merged, listed);
        let answer = answer.map_err(|error| self.refused(&error));
        same("a change", &answer, &wanted.clone().map(drop))?;
        if let (Ok(Some(merge)), true) = (&wanted, !merged.is_nil()) {
            same("the merge", &merged, &self.oracle.edges[*merge].id)?;
        }
        if let (Some(kept), Change::Link { record, key, .. }) = (kept, change) {
            same("the link", &kept, &(self.id(*record), self.identifier(*key).key()))?;
        }
        if let (Ok(_), Change::Dismiss { record, other, .. }) = (&wanted, change) {
            let listed = self.listed(*record).await?;
            same("dismissed", &listed.contains(&self.oracle.root(*other)), &false)?;
        }
        Ok(())
    }

    pub async fn new_merge(&self, change: &Change) -> NewMerge {
        let Change::Merge { into, from, choices, etags } = change else { unreachable!() };
        NewMerge {
            into_id: self.id(*into),
            from_id: self.id(*from),
            evidence: vec!["the same card".to_owned()],
            choices: choices.iter().map(|it| (FIELDS[it.0], self.id(it.1))).collect(),
            into_etag: self.etag(*into, etags.0).await,
            from_etag: self.etag(*from, etags.1).await,
        }
    }

    /// An etag to send. A stale one is one that the customer had before, if there is one.
    async fn etag(&self, record: usize, etag: Etag) -> Option<String> {
        if etag == Etag::None {
            return None;
        }
        let Ok(Some(customer)) = self.store.get_customer(self.id(record)).await else {
            return Some("of nobody".to_owned());
        };
        if etag == Etag::Right {
            return Some(customer.etag());
        }
        let earlier = self.etags.keys().map(|(_, etag)| etag);
        let mut earlier = earlier.filter(|etag| **etag != customer.etag());
        Some(earlier.next().cloned().unwrap_or_else(|| "stale".to_owned()))
    }

    pub fn refused(&self, error: &Error) -> Refused {
        match error {
            Error::CustomerNotFound => Refused::NoCustomer,
            Error::Invalid(violations) => match violations[0].reason {
                InvalidReason::Field => Refused::BadChoice,
                InvalidReason::RequestIdReused | InvalidReason::SourceRefReused => {
                    Refused::NameReused
                }
                other => panic!("{other:?}"),
            },
            Error::OrderNumberTaken { .. } => Refused::OrderTaken,
            Error::PurchaseNotFound { .. } => Refused::NoOrder,
            Error::ReplyNotFound { .. } => Refused::NoReply,
            Error::IdentifierAmbiguous => Refused::Ambiguous,
            Error::IdentifierConflict => Refused::Conflict,
            Error::IdentifierNotFound => Refused::NotHeld,
            Error::VerificationNotPermitted { .. } => Refused::VerificationNotPermitted,
            Error::MergeNotFound => Refused::NoMerge,
            Error::AlreadyMerged => Refused::SameCustomer,
            Error::AlreadyUnmerged => Refused::AlreadyUnmerged,
            Error::NeedsApproval => Refused::NeedsApproval,
            Error::MergeExcluded => Refused::MergeExcluded,
            Error::SuggestionNotFound => Refused::NoSuggestion,
            Error::StaleEtag => Refused::Stale,
            Error::MergeInUse(ids) => {
                let number = |id: &Uuid| self.oracle.edges.iter().position(|edge| edge.id == *id);
                Refused::InUse(ids.iter().filter_map(number).collect::<BTreeSet<_>>())
            }
            other => panic!("{other:?}"),
        }
    }
}

pub fn origin((source, verifies_profile): call::Origin) -> Origin {
    Origin { source: SOURCES[source].to_owned(), verifies_profile }
}

/// The value of a field of a test profile.
pub fn value(profile: &Profile, field: ProfileField) -> u8 {
    let text = match field {
        ProfileField::GivenName => &profile.given_name,
        ProfileField::BirthDate => &profile.birth_date,
        _ => &profile.address.locality,
    };
    text.split(' ').next().and_then(|value| value.parse().ok()).unwrap_or(0)
}

fn hash(body: &str) -> BodyHash {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    let half = hasher.finish();
    1.hash(&mut hasher);
    (u128::from(half) << 64 | u128::from(hasher.finish())).to_be_bytes()
}
