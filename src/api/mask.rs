//! Masks responses: removes the content of channels that the caller does not work on.
//!
//! It still sees that something happened there, when and on which channel, and the case. Purchases,
//! returns, promises and quotes are not masked, since every channel has to honour them.

use super::caller::Scope;
use crate::{
    error::Error,
    model::{self, EntryFilter},
    pb::{self, entry::Content},
    store::Frames,
};

/// Whether the content of a channel is masked.
fn hides(scope: &Scope, channel: i32) -> bool {
    let channel = pb::Channel::try_from(channel).unwrap_or_default();
    scope.masks(Option::<model::Channel>::from(channel))
}

/// Masks the entries of a page.
pub fn frames(frames: Frames, scope: &Scope) -> Result<Frames, Error> {
    if !scope.masks_others {
        return Ok(frames);
    }
    frames.changed(|found| entry(found, scope))
}

/// Restricts the filter of a text search to unmasked entries; None if all are masked.
pub fn filter(mut filter: EntryFilter, scope: &Scope) -> Option<EntryFilter> {
    let Some(own) = scope.channels.as_ref().filter(|_| scope.masks_others) else {
        return Some(filter);
    };
    if filter.channels.is_empty() {
        filter.channels.clone_from(own);
    } else {
        filter.channels.retain(|channel| own.contains(channel));
    }
    (!filter.channels.is_empty()).then_some(filter)
}

/// Masks an entry; returns whether anything was removed.
pub fn entry(entry: &mut pb::Entry, scope: &Scope) -> bool {
    if !hides(scope, entry.channel) {
        return false;
    }
    entry.masked = true;
    entry.language.clear();
    entry.attributes.clear();
    entry.flags.clear();
    match &mut entry.content {
        Some(Content::Interaction(said)) => {
            *said = pb::Interaction {
                direction: said.direction,
                ended_at: said.ended_at,
                complaint: said.complaint,
                ..pb::Interaction::default()
            };
        }
        Some(Content::Returned(returned)) => returned.reason.clear(),
        Some(Content::Feedback(feedback)) => feedback.text.clear(),
        Some(Content::Note(note)) => note.text.clear(),
        Some(Content::IdentityChange(change)) => change.reason.clear(),
        Some(Content::CaseChange(change)) => change.reason.clear(),
        Some(Content::FactChange(fact)) => fact.value.clear(),
        Some(Content::PromiseChange(change)) => change.reason.clear(),
        Some(Content::HandoverChange(change)) => {
            change.reason.clear();
            change.note.clear();
            change.open_questions.clear();
            change.next_step.clear();
        }
        Some(Content::OrderChange(change)) => change.reason.clear(),
        Some(Content::QuoteChange(change)) => change.reason.clear(),
        Some(Content::Purchase(_)) | None => {}
    }
    true
}

/// Masks a case: facts and handovers of other channels.
pub fn case(case: &mut pb::Case, scope: &Scope) {
    if !scope.masks_others {
        return;
    }
    for fact in &mut case.facts {
        if hides(scope, fact.channel) {
            fact.value.clear();
        }
        for earlier in &mut fact.earlier {
            if hides(scope, earlier.channel) {
                earlier.value.clear();
            }
        }
    }
    if hides(scope, case.channel)
        && let Some(handover) = &mut case.handover
    {
        handover.note.clear();
        handover.open_questions.clear();
        handover.next_step.clear();
        handover.reason.clear();
    }
}

/// Masks a promise: the reason for settling it.
pub fn promise(promise: &mut pb::Promise, scope: &Scope) {
    if hides(scope, promise.channel) {
        promise.reason.clear();
    }
}

/// Masks a briefing.
pub fn briefing(briefing: &mut pb::Briefing, scope: &Scope) {
    if !scope.masks_others {
        return;
    }
    briefing.cases.iter_mut().for_each(|it| case(it, scope));
    briefing.promises.iter_mut().for_each(|it| promise(it, scope));
    let complaint = briefing.last_complaint.iter_mut().filter_map(|it| it.entry.as_mut());
    for entry in briefing.last_entries.iter_mut().chain(complaint) {
        if hides(scope, entry.channel) {
            entry.summary.clear();
        }
    }
    for fact in &mut briefing.known_facts {
        if hides(scope, fact.channel) {
            fact.value.clear();
        }
    }
    // The channel of the feedback is unknown here.
    if let Some(feedback) = briefing.mood.as_mut().and_then(|mood| mood.feedback.as_mut()) {
        feedback.text.clear();
    }
}
