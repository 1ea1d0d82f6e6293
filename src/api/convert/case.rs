//! Converts cases and promises to the contract.

use crate::{
    api::audit_subject,
    model::{Case, CaseClue, Fact, Handover, HandoverState, ProbableCase, Promise},
    pb,
};

/// A case.
pub fn case(case: Case) -> pb::Case {
    audit_subject::add(case.record_id);
    pb::Case {
        etag: case.etag(),
        id: case.id.to_string(),
        customer_id: case.record_id.to_string(),
        subject: case.subject,
        state: pb::CaseState::from(case.state).into(),
        owner: case.owner,
        queue: case.queue,
        disposition: case.disposition,
        order_numbers: case.orders,
        serial_numbers: case.serials,
        channel: pb::Channel::from(case.channel).into(),
        opened_at: Some(pb::timestamp(case.opened_at)),
        changed_at: Some(pb::timestamp(case.changed_at)),
        resolved_at: case.resolved_at.map(pb::timestamp),
        entry_id: case.entry_id.to_string(),
        times_reopened: case.times_reopened,
        facts: case.facts.into_iter().map(fact).collect(),
        handover: case.handover.map(handover),
        revision: case.revision,
    }
}

fn fact(mut fact: Fact) -> pb::Fact {
    let last = fact.values.pop();
    let earlier = fact.values.into_iter().map(|value| pb::fact::EarlierValue {
        value: value.value,
        told_at: Some(pb::timestamp(value.at)),
        channel: pb::Channel::from(value.channel).into(),
        entry_id: value.entry_id.to_string(),
    });
    let reasks = fact.reasks.into_iter().map(|reask| pb::fact::Reask {
        asked_at: Some(pb::timestamp(reask.at)),
        channel: pb::Channel::from(reask.channel).into(),
        actor: reask.actor,
        entry_id: reask.entry_id.to_string(),
    });
    let mut shown = pb::Fact {
        key: fact.key,
        earlier: earlier.collect(),
        reasks: reasks.collect(),
        ..pb::Fact::default()
    };
    if let Some(value) = last {
        shown.value = value.value;
        shown.told_at = Some(pb::timestamp(value.at));
        shown.channel = pb::Channel::from(value.channel).into();
        shown.actor = value.actor;
        shown.entry_id = value.entry_id.to_string();
    }
    shown
}

fn handover(it: Handover) -> pb::Handover {
    use pb::handover::State;
    let state = match it.state {
        HandoverState::Offered => State::Offered,
        HandoverState::Accepted => State::Accepted,
        HandoverState::Returned => State::Returned,
    };
    pb::Handover {
        state: state.into(),
        from: it.from,
        to: it.offer.to,
        to_queue: it.offer.to_queue,
        note: it.offer.note,
        open_questions: it.offer.open_questions,
        next_step: it.offer.next_step,
        offered_at: Some(pb::timestamp(it.offered_at)),
        answered_at: it.answered_at.map(pb::timestamp),
        answered_by: it.answered_by,
        reason: it.reason,
        entry_id: it.entry_id.to_string(),
    }
}

/// A promise.
pub fn promise(promise: Promise) -> pb::Promise {
    audit_subject::add(promise.record_id);
    pb::Promise {
        id: promise.id.to_string(),
        customer_id: promise.record_id.to_string(),
        case_id: promise.case_id.map(|id| id.to_string()).unwrap_or_default(),
        what: promise.made.what,
        by: promise.made.by,
        due_at: Some(pb::timestamp(promise.made.due_at)),
        amount: promise.made.amount.map(|amount| pb::Money {
            currency_code: amount.currency,
            minor_units: amount.minor_units,
        }),
        state: pb::PromiseState::from(promise.state).into(),
        actor: promise.actor,
        channel: pb::Channel::from(promise.channel).into(),
        made_at: Some(pb::timestamp(promise.made_at)),
        broken_at: promise.broken_at.map(pb::timestamp),
        settled_at: promise.settled_at.map(pb::timestamp),
        reason: promise.reason,
        entry_id: promise.entry_id.to_string(),
        last_entry_id: promise.last_entry_id.to_string(),
        revision: promise.revision,
    }
}

/// A probable case of an entry.
pub(super) fn probable_case(case: ProbableCase) -> pb::ProbableCase {
    use pb::case_clue::Kind;
    let clue = |(clue, percent): (CaseClue, u8)| {
        let kind = match clue {
            CaseClue::SameOrder => Kind::SameOrder,
            CaseClue::SerialNumber => Kind::SerialNumber,
            CaseClue::OrderNumber => Kind::OrderNumber,
            CaseClue::Topic => Kind::Topic,
            CaseClue::Recent => Kind::Recent,
        };
        pb::CaseClue { kind: kind.into(), percent: percent.into() }
    };
    pb::ProbableCase {
        case_id: case.case_id.to_string(),
        subject: case.subject,
        percent: case.percent.into(),
        clues: case.clues.into_iter().map(clue).collect(),
    }
}
