//! Converts briefings to the contract.

use super::{case, profile, promise};
use crate::{
    api::audit_subject,
    model::{
        Briefing, Complaint, Confidence, Consent, Contacts, EntrySummary, KnownFact, Mood,
        Preferences, Score,
    },
    pb,
};

/// A briefing without products and quotes.
pub fn briefing(briefing: Briefing) -> pb::Briefing {
    use pb::briefed_identity::Confidence as Told;
    audit_subject::add(briefing.customer.customer_id);
    let confidence = match briefing.confidence {
        Confidence::ById => Told::ById,
        Confidence::Verified => Told::Verified,
        Confidence::Claimed => Told::Claimed,
    };
    pb::Briefing {
        customer_id: briefing.customer.customer_id.to_string(),
        as_of: Some(pb::timestamp(briefing.as_of)),
        identity: Some(pb::BriefedIdentity {
            confidence: confidence.into(),
            verified_identifiers: count(briefing.customer.verified_identifiers),
            identifiers: count(briefing.customer.identifiers),
            records: count(briefing.customer.records),
            profile: Some(briefing.customer.profile).filter(|it| !it.is_empty()).map(profile),
        }),
        promises: briefing.promises.into_iter().map(promise).collect(),
        more_promises: count(briefing.more_promises),
        cases: briefing.cases.into_iter().map(case).collect(),
        more_cases: count(briefing.more_cases),
        last_complaint: briefing.last_complaint.map(complaint),
        last_entries: briefing.last_entries.into_iter().map(entry).collect(),
        mood: Some(mood(briefing.mood)),
        contacts: Some(contacts(briefing.contacts)),
        preferences: Some(preferences(briefing.preferences)),
        known_facts: briefing.known_facts.into_iter().map(fact).collect(),
        ..pb::Briefing::default()
    }
}

/// A number, which is small.
fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn entry(entry: EntrySummary) -> pb::BriefedEntry {
    pb::BriefedEntry {
        entry_id: entry.entry_id.to_string(),
        occurred_at: Some(pb::timestamp(entry.occurred_at)),
        channel: pb::Channel::from(entry.channel).into(),
        kind: pb::EntryKind::from(entry.kind).into(),
        summary: entry.summary,
        case_id: entry.case_id.map(|id| id.to_string()).unwrap_or_default(),
        agent: entry.agent,
    }
}

fn complaint(complaint: Complaint) -> pb::BriefedComplaint {
    let mut view = pb::BriefedComplaint {
        entry: Some(entry(complaint.entry)),
        ..pb::BriefedComplaint::default()
    };
    if let Some((state, disposition, resolved_at)) = complaint.case {
        view.case_state = pb::CaseState::from(state).into();
        view.disposition = disposition;
        view.resolved_at = resolved_at.map(pb::timestamp);
    }
    view
}

fn mood(mood: Mood) -> pb::BriefedMood {
    let mut view = pb::BriefedMood {
        mean_sentiment: mood.mean_sentiment,
        sentiments: count(mood.sentiments),
        sentiment_entry_id: mood.sentiment_entry.map(|id| id.to_string()).unwrap_or_default(),
        ..pb::BriefedMood::default()
    };
    if let Some((score, entry_id, at)) = mood.feedback {
        let Score { metric, score, scale_max, text } = score;
        view.feedback = Some(pb::Feedback { metric, score: Some(score), scale_max, text });
        view.feedback_entry_id = entry_id.to_string();
        view.feedback_at = Some(pb::timestamp(at));
    }
    view
}

fn contacts(contacts: Contacts) -> pb::BriefedContacts {
    pb::BriefedContacts {
        last_30_days: count(contacts.last_30_days),
        repeats: count(contacts.repeats),
        is_more: contacts.is_more,
        last_entry_id: contacts.last_entry.map(|id| id.to_string()).unwrap_or_default(),
    }
}

fn preferences(preferences: Preferences) -> pb::BriefedPreferences {
    let consent = |Consent { purpose, granted }| pb::Consent { purpose, granted };
    pb::BriefedPreferences {
        language: preferences.language,
        language_entry_id: preferences.language_entry.map(|id| id.to_string()).unwrap_or_default(),
        preferred_channel: pb::Channel::from(preferences.preferred_channel).into(),
        usual_channel: pb::Channel::from(preferences.usual_channel).into(),
        consents: preferences.consents.into_iter().map(consent).collect(),
    }
}

fn fact(fact: KnownFact) -> pb::BriefedFact {
    pb::BriefedFact {
        key: fact.key,
        value: fact.value,
        told_at: Some(pb::timestamp(fact.told_at)),
        channel: pb::Channel::from(fact.channel).into(),
        case_id: fact.case_id.to_string(),
        entry_id: fact.entry_id.to_string(),
    }
}
