//! Summaries of stored entries, for briefings.

use super::{
    codec,
    payload::{self, Frames},
};
use crate::{
    domain::briefing::cut,
    error::Error,
    model::{Channel, EntryKind, EntrySummary, Score},
    pb::{self, entry::Content},
};

/// The summaries of a page.
pub fn entry_summaries(frames: &Frames) -> Result<Vec<EntrySummary>, Error> {
    payload::open_all(frames.bytes())?.iter().map(entry_summary).collect()
}

/// The summary of an entry.
pub fn entry_summary(entry: &pb::Entry) -> Result<EntrySummary, Error> {
    let (kind, summary) = kind_and_summary(entry);
    let (mut is_inbound, mut is_complaint, mut sentiment, mut feedback) =
        (false, false, None, None);
    match &entry.content {
        Some(Content::Interaction(it)) => {
            is_inbound = it.direction() == pb::Direction::Inbound;
            is_complaint = it.complaint;
            sentiment = it.sentiment;
        }
        Some(Content::Feedback(it)) => {
            feedback = Some(Score {
                metric: it.metric,
                score: it.score.unwrap_or_default(),
                scale_max: it.scale_max,
                text: cut(&it.text),
            });
        }
        _ => {}
    }
    let unreadable = Error::Inconsistent { table: "entries", column: "payload" };
    Ok(EntrySummary {
        entry_id: entry.id.parse().map_err(|_| unreadable.clone())?,
        occurred_at: entry.occurred_at.map(codec::micros).ok_or(unreadable)?,
        recorded_at: codec::recorded_at(entry)?,
        kind,
        channel: Option::<Channel>::from(entry.channel()),
        case_id: entry.case_id.parse().ok(),
        agent: entry.agent.clone(),
        language: entry.language.clone(),
        summary: cut(&summary),
        is_inbound,
        is_complaint,
        sentiment,
        feedback,
    })
}

/// The kind of an entry, and its subject or the beginning of its text.
fn kind_and_summary(entry: &pb::Entry) -> (EntryKind, String) {
    match &entry.content {
        Some(Content::Interaction(it)) => {
            let first = it.messages.first().map_or("", |message| &message.text);
            (EntryKind::Interaction, first_of(&[&it.subject, &it.text, first]))
        }
        Some(Content::Purchase(it)) => {
            let names: Vec<&str> = it.lines.iter().map(first_name).collect();
            (
                EntryKind::Purchase,
                [&it.order_number, names.join(", ").as_str()].join(" ").trim().to_owned(),
            )
        }
        Some(Content::Returned(it)) => {
            let first = it.lines.first().map_or("", |line| &line.name);
            (EntryKind::Return, first_of(&[first, &it.reason]))
        }
        Some(Content::OrderChange(it)) => {
            let number = entry.order_numbers.first().map_or("", String::as_str);
            let status = it.status().as_str_name().trim_start_matches("ORDER_STATUS_");
            (EntryKind::OrderChange, format!("{number} {}", status.to_lowercase()))
        }
        Some(Content::Feedback(it)) => (EntryKind::Feedback, it.text.clone()),
        // A kind that this version does not know.
        None => (EntryKind::Note, String::new()),
        Some(Content::Note(it)) => (EntryKind::Note, it.text.clone()),
        Some(Content::IdentityChange(it)) => (EntryKind::IdentityChange, it.reason.clone()),
        Some(Content::CaseChange(it)) => {
            let change = it.change().as_str_name().trim_start_matches("CHANGE_").to_lowercase();
            let change = format!("case {}", change.replace('_', " "));
            (EntryKind::CaseChange, first_of(&[it.subject(), &it.disposition, &it.reason, &change]))
        }
        Some(Content::FactChange(it)) => (EntryKind::Fact, format!("{}: {}", it.key, it.value)),
        Some(Content::PromiseChange(it)) => (EntryKind::PromiseChange, it.what.clone()),
        Some(Content::QuoteChange(it)) => {
            (EntryKind::Quote, first_of(&[&it.article, &it.sku, &it.offer]))
        }
        Some(Content::HandoverChange(it)) => {
            let change = it.change().as_str_name().trim_start_matches("CHANGE_").to_lowercase();
            (EntryKind::Handover, first_of(&[&it.note, &it.reason, &format!("handover {change}")]))
        }
    }
}

fn first_name(line: &pb::PurchaseLine) -> &str {
    if line.name.is_empty() { &line.sku } else { &line.name }
}

/// The first text that is not empty.
fn first_of(texts: &[&str]) -> String {
    texts.iter().find(|text| !text.trim().is_empty()).copied().unwrap_or_default().to_owned()
}
