//! Applies changes to a case: the only place that decides what a change does and when it is
//! refused.

use uuid::Uuid;

use crate::model::{
    Case, CaseChange, CaseState, CaseUpdate, EventMeta, Fact, FactValue, Handover, HandoverState,
    Opening, Reask,
};

/// How many facts a case holds.
pub const MAX_FACTS: usize = 100;
/// How many values, and how many re-asks, of one fact.
pub const MAX_OF_FACT: usize = 100;
/// How many orders, and how many serial numbers.
pub const MAX_LINKS: usize = 50;

/// Why a change cannot be applied to a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseFault {
    /// The case is resolved and has to be reopened first.
    Resolved,
    NotResolved,
    /// The fact of a re-ask was not known.
    FactUnknown,
    /// No handover waits for an answer.
    NotHandedOver,
    Full,
}

/// Applies a change. `case` is None for the change that opens it.
pub fn apply(
    case: Option<Case>,
    id: Uuid,
    change: &CaseChange,
    event: &EventMeta,
) -> Result<Case, CaseFault> {
    let mut case = match (case, change) {
        (None, CaseChange::Opened(opening)) => return Ok(open(id, opening, event)),
        (Some(case), CaseChange::Opened(_)) => return Ok(case),
        (None, _) => return Err(CaseFault::NotResolved),
        (Some(case), _) => case,
    };
    match change {
        CaseChange::Reopened if !case.is_resolved() => return Err(CaseFault::NotResolved),
        CaseChange::Reopened => {}
        // A pass of a resolved case still shows how the case ended.
        CaseChange::PassRedeemed => return Ok(case),
        _ if case.is_resolved() => return Err(CaseFault::Resolved),
        _ => {}
    }
    match change {
        // These are recorded in the timeline and leave the case unchanged.
        CaseChange::PassIssued { .. } | CaseChange::PassRedeemed => return Ok(case),
        CaseChange::Opened(_) => {}
        CaseChange::Updated(update) => update_case(&mut case, update)?,
        CaseChange::Resolved { disposition } => {
            case.state = CaseState::Resolved;
            case.disposition.clone_from(disposition);
            case.resolved_at = Some(event.at);
        }
        CaseChange::Reopened => {
            case.state = CaseState::Reopened;
            case.disposition.clear();
            case.resolved_at = None;
            case.times_reopened += 1;
        }
        CaseChange::FactTold { key, value, .. } => tell_fact(&mut case, key, value, event)?,
        CaseChange::FactReasked { key } => {
            let fact = case.facts.iter_mut().find(|fact| fact.key == *key);
            let fact = fact.ok_or(CaseFault::FactUnknown)?;
            if fact.reasks.len() >= MAX_OF_FACT {
                return Err(CaseFault::Full);
            }
            fact.reasks.push(Reask {
                at: event.at,
                channel: event.channel,
                actor: event.actor.clone(),
                entry_id: event.entry_id,
            });
        }
        CaseChange::HandedOver(offer) => {
            let before = (case.owner.clone(), case.queue.clone());
            case.handover = Some(Handover {
                state: HandoverState::Offered,
                from: event.actor.clone(),
                offer: offer.clone(),
                offered_at: event.at,
                answered_at: None,
                answered_by: String::new(),
                reason: String::new(),
                entry_id: event.entry_id,
                before,
            });
            // Until the handover is accepted, the case belongs to its receiver.
            case.owner.clone_from(&offer.to);
            case.queue.clone_from(&offer.to_queue);
        }
        CaseChange::HandoverAccepted => {
            answer(&mut case, HandoverState::Accepted, event)?;
            case.owner.clone_from(&event.actor);
            case.queue.clear();
        }
        CaseChange::HandoverReturned => {
            (case.owner, case.queue) = answer(&mut case, HandoverState::Returned, event)?;
        }
    }
    case.changed_at = event.at;
    case.revision = event.revision;
    Ok(case)
}

/// The share of what customers had to say that they had said before, from 0 to 1; None if there
/// were no facts and no re-asks.
pub fn reask_rate(told: i64, asked_again: i64) -> Option<f64> {
    // Counts of rows are far below 2^53.
    let all = (told + asked_again) as f64;
    (all > 0.0).then(|| asked_again as f64 / all)
}

/// Whether a change would leave the case unchanged.
pub fn is_known(case: &Case, change: &CaseChange) -> bool {
    match change {
        CaseChange::FactTold { key, value, .. } => case
            .fact(key)
            .and_then(|fact| fact.values.last())
            .is_some_and(|told| told.value == *value),
        _ => false,
    }
}

fn open(id: Uuid, opening: &Opening, event: &EventMeta) -> Case {
    Case {
        id,
        record_id: event.record_id,
        subject: opening.subject.clone(),
        state: CaseState::Open,
        owner: opening.owner.clone(),
        queue: opening.queue.clone(),
        disposition: String::new(),
        orders: opening.orders.clone(),
        serials: opening.serials.clone(),
        channel: event.channel,
        opened_at: event.at,
        changed_at: event.at,
        resolved_at: None,
        entry_id: event.entry_id,
        times_reopened: 0,
        facts: Vec::new(),
        handover: None,
        revision: event.revision,
    }
}

fn update_case(case: &mut Case, update: &CaseUpdate) -> Result<(), CaseFault> {
    let set = |field: &mut String, value: &Option<String>| {
        if let Some(value) = value {
            field.clone_from(value);
        }
    };
    set(&mut case.subject, &update.subject);
    set(&mut case.owner, &update.owner);
    set(&mut case.queue, &update.queue);
    if let Some(state) = update.state {
        case.state = state;
    }
    let add = |list: &mut Vec<String>, more: &[String]| {
        for one in more {
            if !list.contains(one) {
                list.push(one.clone());
            }
        }
        if list.len() > MAX_LINKS { Err(CaseFault::Full) } else { Ok(()) }
    };
    add(&mut case.orders, &update.add_orders)?;
    add(&mut case.serials, &update.add_serials)
}

fn tell_fact(case: &mut Case, key: &str, value: &str, event: &EventMeta) -> Result<(), CaseFault> {
    let told = FactValue {
        value: value.to_owned(),
        at: event.at,
        channel: event.channel,
        actor: event.actor.clone(),
        entry_id: event.entry_id,
    };
    match case.facts.binary_search_by(|fact| fact.key.as_str().cmp(key)) {
        Ok(index) => {
            let fact = &mut case.facts[index];
            if fact.values.len() >= MAX_OF_FACT {
                return Err(CaseFault::Full);
            }
            fact.values.push(told);
        }
        Err(_) if case.facts.len() >= MAX_FACTS => return Err(CaseFault::Full),
        Err(index) => {
            let fact = Fact { key: key.to_owned(), values: vec![told], reasks: Vec::new() };
            case.facts.insert(index, fact);
        }
    }
    Ok(())
}

/// Answers the handover and returns the owner and the queue before it.
fn answer(
    case: &mut Case,
    state: HandoverState,
    event: &EventMeta,
) -> Result<(String, String), CaseFault> {
    let waiting = |it: &&mut Handover| it.state == HandoverState::Offered;
    let handover = case.handover.as_mut().filter(waiting).ok_or(CaseFault::NotHandedOver)?;
    handover.state = state;
    handover.answered_at = Some(event.at);
    handover.answered_by.clone_from(&event.actor);
    handover.reason.clone_from(&event.reason);
    Ok(handover.before.clone())
}
