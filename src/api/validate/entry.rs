//! Validates entries to record: customer, time, channel and idempotency keys.

use prost::Message as _;

use super::{Checker, Rules};
use crate::{
    api::{body, caller::Actor},
    domain::order,
    error::{Error, Violation},
    model::{CaseChoice, Channel, IdempotencyKey, MAX_BATCH, NewEntry, RecordEntry, Target},
    pb,
    store::order_event,
};

/// The largest encoded entry: a page must be able to hold it.
const MAX_ENTRY_BYTES: usize = 1 << 20;
const MAX_ORDERS: usize = 50;
const MAX_ATTRIBUTES: usize = 100;
const MAX_ATTRIBUTE_CHARS: usize = 4096;
const MAX_ORDER_CHARS: usize = 64;
/// The default threshold for AutoCase, in percent.
const DEFAULT_THRESHOLD: u8 = 60;
/// The scope of request ids among idempotency keys; no source may have this name.
const REQUEST_SCOPE: &str = "request_id";

/// BatchRecordEntries; all violations of all entries are reported.
pub fn batch(
    request: pb::BatchRecordEntriesRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<Vec<RecordEntry>, Error> {
    if request.requests.is_empty() || request.requests.len() > MAX_BATCH {
        return Err(Error::invalid("requests", format!("must be 1 to {MAX_BATCH}")));
    }
    let mut records = Vec::with_capacity(request.requests.len());
    let mut violations: Vec<Violation> = Vec::new();
    let (mut is_broken, mut first) = (false, None);
    for (index, request) in request.requests.into_iter().enumerate() {
        let part = format!("requests[{index}].");
        match record(request, rules, actor).map_err(|error| error.within(&part)) {
            Ok(record) => {
                let of_time = record.time_violations.iter().cloned();
                violations.extend(of_time.map(|violation| violation.within(&part)));
                records.push(record);
            }
            Err(Error::Invalid(more)) => {
                is_broken = true;
                violations.extend(more);
            }
            Err(other) => first = first.or(Some(other)),
        }
    }
    match first {
        _ if is_broken => Err(Error::Invalid(violations)),
        Some(error) => Err(error),
        None => Ok(records),
    }
}

/// RecordEntry.
pub fn record(
    request: pb::RecordEntryRequest,
    rules: &Rules,
    actor: &Actor,
) -> Result<RecordEntry, Error> {
    let pb::RecordEntryRequest { customer_id, identifiers, profile, entry, request_id, case } =
        request;
    let mut checker = Checker::default();
    let Some(mut entry) = entry else { return Err(Error::invalid("entry", "is required")) };
    clear_what_the_server_sets(&mut entry);
    let sent = pb::RecordEntryRequest {
        customer_id,
        identifiers,
        entry: Some(entry),
        case,
        ..pb::RecordEntryRequest::default()
    };
    let body = body::hash(&sent);
    let pb::RecordEntryRequest { customer_id, identifiers, entry, case, .. } = sent;
    let mut entry = entry.unwrap_or_default();

    let target = match (customer_id.is_empty(), identifiers.is_empty()) {
        (false, true) => Target::Customer(checker.uuid("customer_id", &customer_id)),
        (true, false) => Target::Identifiers(checker.identifiers(&identifiers, rules, actor)?),
        _ => {
            checker.fail("customer_id", "either it or identifiers is required, not both");
            Target::Identifiers(Vec::new())
        }
    };
    let profile = checker.profile(profile.unwrap_or_default(), rules);
    let names = checker.names(&mut entry, &request_id, actor);
    let origin = actor.origin(entry.source.clone());
    let case = checker.case_choice(case);
    let entry = checker.entry(&mut entry, rules, actor);
    let time_violations = checker.take_time_violations();
    match entry {
        Some(entry) => checker.finish(RecordEntry {
            target,
            profile,
            origin,
            entry,
            case,
            names,
            body,
            time_violations,
        }),
        // A missing part has left a violation.
        None => checker.finish(()).and(Err(Error::invalid("entry", "is not complete"))),
    }
}

fn clear_what_the_server_sets(entry: &mut pb::Entry) {
    entry.id.clear();
    entry.customer_id.clear();
    entry.revision = 0;
    entry.recorded_at = None;
    entry.flags.clear();
    entry.case_id.clear();
    entry.masked = false;
}

impl Checker {
    /// The idempotency keys: at least one of the two.
    fn names(
        &mut self,
        entry: &mut pb::Entry,
        request_id: &str,
        actor: &Actor,
    ) -> Vec<IdempotencyKey> {
        let mut names = Vec::new();
        self.source("entry.source", &entry.source);
        if entry.source == REQUEST_SCOPE {
            self.fail("entry.source", "is a reserved word");
        }
        if !entry.source_ref.is_empty() {
            self.line("entry.source_ref", &mut entry.source_ref, 256);
            if entry.source.is_empty() {
                self.fail("entry.source", "is required with source_ref");
            }
            if entry.source_ref.is_empty() || entry.source_ref.len() > 256 {
                self.fail("entry.source_ref", "must be 1 to 256 bytes");
            }
            names.push(IdempotencyKey::Source {
                source: entry.source.clone(),
                source_ref: entry.source_ref.clone(),
            });
        }
        if !request_id.is_empty() {
            names.push(IdempotencyKey::Request(actor.own(self.uuid("request_id", request_id))));
        }
        if names.is_empty() {
            let rule = "either it or entry.source with entry.source_ref is required";
            self.fail("request_id", rule);
        }
        names
    }

    /// The case that the entry is to join.
    fn case_choice(&mut self, case: Option<pb::record_entry_request::Case>) -> CaseChoice {
        use pb::record_entry_request::Case;
        match case {
            None => CaseChoice::None,
            Some(Case::CaseId(id)) => CaseChoice::This(self.uuid("case_id", &id)),
            Some(Case::AutoCase(pb::AutoCase { threshold_percent: 0 })) => {
                CaseChoice::Auto(DEFAULT_THRESHOLD)
            }
            Some(Case::AutoCase(pb::AutoCase { threshold_percent })) => {
                let threshold = u8::try_from(threshold_percent).ok();
                let threshold = threshold.filter(|threshold| (1..=100).contains(threshold));
                if threshold.is_none() {
                    self.fail("auto_case.threshold_percent", "must be 1 to 100");
                }
                CaseChoice::Auto(threshold.unwrap_or(DEFAULT_THRESHOLD))
            }
        }
    }

    fn entry(&mut self, entry: &mut pb::Entry, rules: &Rules, actor: &Actor) -> Option<NewEntry> {
        let occurred_at = self.past_time("entry.occurred_at", &mut entry.occurred_at, rules);
        let channel = channel(entry.channel);
        if channel.is_none() {
            self.unknown_enum("entry.channel");
        }
        self.works_on("entry.channel", channel, actor);
        self.line("entry.agent", &mut entry.agent, 100);
        entry.language = self.language("entry.language", &entry.language);
        self.attributes(entry);
        let orders = self.orders(entry);
        let content = self.content(entry, rules);

        entry.flags = self.flags.iter().copied().collect();
        if entry.encoded_len() > MAX_ENTRY_BYTES {
            self.fail("entry", format!("is larger than {MAX_ENTRY_BYTES} bytes"));
        }
        let (occurred_at, channel, content) = (occurred_at?, channel?, content?);
        if !self.is_clean() {
            return None;
        }
        let id = rules.clock.new_id();
        Some(NewEntry {
            id,
            occurred_at,
            kind: content.kind,
            channel: Some(channel),
            purchase: content.purchase,
            orders,
            complaint: content.complaint,
            order_event: order_event(entry, id),
            reply_to: content.reply_to,
            case_id: None,
            words: super::content::words(entry),
            flags: entry.flags.clone(),
            content: entry.encode_to_vec(),
        })
    }

    /// The keys of the orders that the entry is about.
    fn orders(&mut self, entry: &mut pb::Entry) -> Vec<String> {
        self.count("entry.order_numbers", entry.order_numbers.len(), MAX_ORDERS);
        let mut keys = Vec::new();
        for (index, number) in entry.order_numbers.iter_mut().enumerate() {
            let field = format!("entry.order_numbers[{index}]");
            self.line(&field, number, MAX_ORDER_CHARS);
            match order::order_key(number) {
                Some(key) => keys.push(key),
                None => self.fail(field, "is empty"),
            }
        }
        keys
    }

    fn attributes(&mut self, entry: &mut pb::Entry) {
        const KEY: &str = "keys must be at most 64 of: letters, digits, '.', '_' and '-', and \
            begin with a letter";
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        self.count("entry.attributes", entry.attributes.len(), MAX_ATTRIBUTES);
        let mut folded = std::collections::BTreeSet::new();
        for (key, value) in &mut entry.attributes {
            let begins = key.starts_with(|c: char| c.is_ascii_alphabetic());
            if !begins || key.len() > 64 || !key.chars().all(allowed) {
                self.fail("entry.attributes", KEY);
            } else if !folded.insert(key.to_ascii_lowercase()) {
                self.fail("entry.attributes", "two keys differ in case only");
            }
            self.prose("entry.attributes", value, usize::MAX);
            if value.chars().count() > MAX_ATTRIBUTE_CHARS {
                let rule = format!("a value is longer than {MAX_ATTRIBUTE_CHARS} characters");
                self.fail("entry.attributes", rule);
            }
        }
    }
}

/// Converts a channel of the contract to the model.
pub(super) fn channel(channel: i32) -> Option<Channel> {
    pb::Channel::try_from(channel).ok().and_then(Option::from)
}
