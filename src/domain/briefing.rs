//! Builds the briefing: what an agent must see first when meeting a customer, in that order. It is
//! a pure function that depends on the time only through `as_of`.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::model::{
    Briefing, BriefingInput, Case, Channel, Complaint, Contacts, EntrySummary, HandoverState,
    KnownFact, Micros, Mood, Preferences, Profile, Promise, PromiseState,
};

/// How many of the newest entries are counted for contacts.
pub const WINDOW: usize = 100;
/// How many open cases and promises are counted.
pub const COUNTED: usize = 100;

/// How many purchases a briefing shows the articles of.
pub const MAX_PURCHASES: usize = 10;
/// How many quotes a briefing shows; the statement that reads them uses the same limit.
pub const MAX_QUOTES: usize = 10;

const MAX_PROMISES: usize = 20;
const MAX_CASES: usize = 10;
const MAX_FACTS: usize = 20;
const MAX_REASKS: usize = 5;
const MAX_SENTIMENTS: usize = 10;
/// The length at which a text is truncated.
const MAX_CHARS: usize = 300;

const DAY: Micros = 86_400_000_000;
const CONTACT_DAYS: Micros = 30 * DAY;
const MOOD_DAYS: Micros = 90 * DAY;
/// A contact within this time of an earlier one is a repeat contact: the usual window for repeat
/// contacts and first contact resolution.
const REPEAT_DAYS: Micros = 7 * DAY;

/// Builds the briefing.
pub fn brief(known: BriefingInput) -> Briefing {
    let BriefingInput {
        customer,
        confidence,
        as_of,
        entries,
        older,
        cases,
        promises,
        purchases,
        quotes,
    } = known;
    let last_complaint = last(&entries, &older, |it| it.is_complaint).map(|entry| {
        let case = cases.iter().find(|case| Some(case.id) == entry.case_id);
        let case = case.map(|case| (case.state, case.disposition.clone(), case.resolved_at));
        Complaint { entry: entry.clone(), case }
    });
    let mut open: Vec<Case> = cases.into_iter().filter(|case| !case.is_resolved()).collect();
    open.sort_by_key(|case| (Reverse((waits_for_answer(case), case.changed_at)), case.id));
    let known_facts = known_facts(&open);
    let more_cases = open.len().saturating_sub(MAX_CASES);
    open.truncate(MAX_CASES);

    let mut promises = promises;
    promises.retain(Promise::is_unsettled);
    promises.sort_by_key(|it| (urgency(it, as_of), it.made.due_at, it.id));
    let more_promises = promises.len().saturating_sub(MAX_PROMISES);
    promises.truncate(MAX_PROMISES);

    Briefing {
        as_of,
        confidence,
        promises: promises.into_iter().map(short_promise).collect(),
        more_promises,
        cases: open.into_iter().map(short_case).collect(),
        more_cases,
        last_complaint,
        last_entries: last_entries(&entries, &older),
        mood: mood(&entries, &older, as_of),
        contacts: contacts(&entries, !older.is_empty(), as_of),
        preferences: preferences(&customer.profile, &entries, as_of),
        known_facts,
        customer,
        purchases,
        quotes,
    }
}

/// A text truncated to 300 characters.
pub fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
    }
}

fn waits_for_answer(case: &Case) -> bool {
    case.handover.as_ref().is_some_and(|it| it.state == HandoverState::Offered)
}

/// Broken promises come first, then overdue ones that are not marked as broken yet.
fn urgency(promise: &Promise, as_of: Micros) -> u8 {
    match promise.state {
        PromiseState::Broken => 0,
        _ if promise.made.due_at <= as_of => 1,
        _ => 2,
    }
}

fn short_promise(mut promise: Promise) -> Promise {
    promise.made.what = cut(&promise.made.what);
    promise.reason = cut(&promise.reason);
    promise
}

/// The case with only the last value of each fact.
fn short_case(mut case: Case) -> Case {
    // The most recently told facts matter most.
    case.facts.sort_by_key(|fact| Reverse(fact.values.last().map(|value| value.at)));
    case.facts.truncate(MAX_FACTS);
    case.facts.sort_by(|one, other| one.key.cmp(&other.key));
    for fact in &mut case.facts {
        fact.values.drain(..fact.values.len().saturating_sub(1));
        fact.reasks.drain(..fact.reasks.len().saturating_sub(MAX_REASKS));
        for value in &mut fact.values {
            value.value = cut(&value.value);
        }
    }
    case.subject = cut(&case.subject);
    if let Some(handover) = &mut case.handover {
        handover.offer.note = cut(&handover.offer.note);
        handover.offer.next_step = cut(&handover.offer.next_step);
        for question in &mut handover.offer.open_questions {
            *question = cut(question);
        }
        handover.reason = cut(&handover.reason);
    }
    case
}

/// The facts of the open cases, the last told first.
fn known_facts(open: &[Case]) -> Vec<KnownFact> {
    let mut facts: Vec<KnownFact> = Vec::new();
    for case in open {
        for fact in &case.facts {
            let Some(value) = fact.values.last() else { continue };
            facts.push(KnownFact {
                key: fact.key.clone(),
                value: cut(&value.value),
                told_at: value.at,
                channel: value.channel,
                case_id: case.id,
                entry_id: value.entry_id,
            });
        }
    }
    facts.sort_by(|one, other| {
        (Reverse(one.told_at), &one.key, one.entry_id).cmp(&(
            Reverse(other.told_at),
            &other.key,
            other.entry_id,
        ))
    });
    let mut keys = BTreeSet::new();
    facts.retain(|fact| keys.insert(fact.key.clone()));
    facts.truncate(MAX_FACTS);
    facts
}

/// The newest entry that satisfies a condition.
fn last<'a>(
    entries: &'a [EntrySummary],
    older: &'a [EntrySummary],
    is: impl Fn(&EntrySummary) -> bool,
) -> Option<&'a EntrySummary> {
    let place = |it: &&EntrySummary| (it.occurred_at, it.entry_id);
    entries.iter().find(|it| is(it)).or_else(|| older.iter().filter(|it| is(it)).max_by_key(place))
}

/// The last entry of each channel, the newest first.
fn last_entries(entries: &[EntrySummary], older: &[EntrySummary]) -> Vec<EntrySummary> {
    let mut found: Vec<EntrySummary> = Channel::ALL
        .into_iter()
        .filter_map(|channel| last(entries, older, |it| it.channel == Some(channel)).cloned())
        .collect();
    found.sort_by_key(|it| Reverse((it.occurred_at, it.entry_id)));
    found
}

fn mood(entries: &[EntrySummary], older: &[EntrySummary], as_of: Micros) -> Mood {
    let recent = entries.iter().filter(|it| it.occurred_at > as_of - MOOD_DAYS);
    let sentiments: Vec<(f64, &EntrySummary)> =
        recent.filter_map(|it| Some((it.sentiment?, it))).take(MAX_SENTIMENTS).collect();
    let count = sentiments.len();
    // At most ten.
    #[allow(clippy::cast_precision_loss)]
    let mean = sentiments.iter().map(|(sentiment, _)| sentiment).sum::<f64>() / count as f64;
    let feedback = last(entries, older, |it| it.feedback.is_some());
    Mood {
        mean_sentiment: (count > 0).then_some(mean),
        sentiments: count,
        sentiment_entry: sentiments.first().map(|(_, it)| it.entry_id),
        feedback: feedback.and_then(|it| Some((it.feedback.clone()?, it.entry_id, it.occurred_at))),
    }
}

fn contacts(entries: &[EntrySummary], has_older: bool, as_of: Micros) -> Contacts {
    let counted = &entries[..entries.len().min(WINDOW)];
    let since = as_of - CONTACT_DAYS;
    let inbound: Vec<&EntrySummary> = counted.iter().filter(|it| it.is_inbound).collect();
    let lately = inbound.iter().take_while(|it| it.occurred_at > since).count();
    let repeats = inbound[..lately].iter().enumerate().filter(|(index, it)| {
        let earlier = inbound[index + 1..].iter();
        let mut earlier =
            earlier.take_while(|before| before.occurred_at >= it.occurred_at - REPEAT_DAYS);
        earlier.any(|before| before.case_id == it.case_id)
    });
    let reaches_back = counted.last().is_none_or(|oldest| oldest.occurred_at <= since);
    Contacts {
        last_30_days: lately,
        repeats: repeats.count(),
        is_more: !reaches_back && (has_older || entries.len() > WINDOW),
        last_entry: inbound.first().map(|it| it.entry_id),
    }
}

fn preferences(profile: &Profile, entries: &[EntrySummary], as_of: Micros) -> Preferences {
    let spoken = entries.iter().find(|it| !it.language.is_empty());
    let spoken = spoken.filter(|_| profile.language.is_empty());
    let mut counts: BTreeMap<Channel, usize> = BTreeMap::new();
    let lately = entries.iter().take(WINDOW).filter(|it| it.occurred_at > as_of - MOOD_DAYS);
    for channel in lately.filter(|it| it.is_inbound).filter_map(|it| it.channel) {
        *counts.entry(channel).or_default() += 1;
    }
    Preferences {
        language: spoken.map_or(&profile.language, |it| &it.language).clone(),
        language_entry: spoken.map(|it| it.entry_id),
        preferred_channel: profile.preferred_channel,
        // On a tie the first channel of the list wins.
        usual_channel: counts
            .into_iter()
            .max_by_key(|(channel, n)| (*n, Reverse(*channel)))
            .map(|it| it.0),
        consents: profile.consents.clone(),
    }
}
