//! A case as its entries add up: the one place that says what each change does to it, and when it
//! is refused.

use uuid::Uuid;

use crate::model::{
    Case, CaseChange, CaseState, CaseUpdate, Fact, HandOver, HandOverState, Line, Opening, Reask,
    Told,
};

/// How many facts a case holds.
pub const MAX_FACTS: usize = 100;
/// How many values and questions of one fact.
pub const MAX_OF_FACT: usize = 100;
/// How many orders, and how many serial numbers.
pub const MAX_LINKS: usize = 50;

/// Why a change does not fit a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseFault {
    /// It is resolved, and has to be reopened first.
    Resolved,
    NotResolved,
    /// The fact that was asked for again was not known.
    FactUnknown,
    /// Nothing was passed on that waits for an answer.
    NotHandedOver,
    Full,
}

/// The case after a change. `case` is none for the one that opens it.
pub fn apply(
    case: Option<Case>,
    id: Uuid,
    change: &CaseChange,
    line: &Line,
) -> Result<Case, CaseFault> {
    let mut case = match (case, change) {
        (None, CaseChange::Opened(opening)) => return Ok(open(id, opening, line)),
        (Some(case), CaseChange::Opened(_)) => return Ok(case),
        (None, _) => return Err(CaseFault::NotResolved),
        (Some(case), _) => case,
    };
    match change {
        CaseChange::Reopened if !case.is_resolved() => return Err(CaseFault::NotResolved),
        CaseChange::Reopened => {}
        // Who comes with a pass is shown how the case ended.
        CaseChange::PassRedeemed => return Ok(case),
        _ if case.is_resolved() => return Err(CaseFault::Resolved),
        _ => {}
    }
    match change {
        // It is told of, and leaves the case as it is.
        CaseChange::PassIssued { .. } | CaseChange::PassRedeemed => return Ok(case),
        CaseChange::Opened(_) => {}
        CaseChange::Updated(update) => update_case(&mut case, update)?,
        CaseChange::Resolved { disposition } => {
            case.state = CaseState::Resolved;
            case.disposition.clone_from(disposition);
            case.resolved_at = Some(line.at);
        }
        CaseChange::Reopened => {
            case.state = CaseState::Reopened;
            case.disposition.clear();
            case.resolved_at = None;
            case.times_reopened += 1;
        }
        CaseChange::FactTold { key, value, .. } => tell(&mut case, key, value, line)?,
        CaseChange::FactReasked { key } => {
            let fact = case.facts.iter_mut().find(|fact| fact.key == *key);
            let fact = fact.ok_or(CaseFault::FactUnknown)?;
            if fact.reasks.len() >= MAX_OF_FACT {
                return Err(CaseFault::Full);
            }
            fact.reasks.push(Reask {
                at: line.at,
                channel: line.channel,
                actor: line.actor.clone(),
                entry_id: line.entry_id,
            });
        }
        CaseChange::HandedOver(offer) => {
            let before = (case.owner.clone(), case.queue.clone());
            case.hand_over = Some(HandOver {
                state: HandOverState::Offered,
                from: line.actor.clone(),
                offer: offer.clone(),
                offered_at: line.at,
                answered_at: None,
                answered_by: String::new(),
                reason: String::new(),
                entry_id: line.entry_id,
                before,
            });
            // Until somebody has accepted it, it is where it was sent.
            case.owner.clone_from(&offer.to);
            case.queue.clone_from(&offer.to_queue);
        }
        CaseChange::HandOverAccepted => {
            answer(&mut case, HandOverState::Accepted, line)?;
            case.owner.clone_from(&line.actor);
            case.queue.clear();
        }
        CaseChange::HandOverReturned => {
            (case.owner, case.queue) = answer(&mut case, HandOverState::Returned, line)?;
        }
    }
    case.changed_at = line.at;
    case.revision = line.revision;
    Ok(case)
}

/// The part of all that customers were made to say that they had said before, from 0 to 1; none
/// where nothing was told and nothing asked again.
pub fn reask_rate(told: i64, asked_again: i64) -> Option<f64> {
    // Counts of rows are far below 2^53.
    let all = (told + asked_again) as f64;
    (all > 0.0).then(|| asked_again as f64 / all)
}

/// Whether a change would leave the case as it is.
pub fn is_known(case: &Case, change: &CaseChange) -> bool {
    match change {
        CaseChange::FactTold { key, value, .. } => case
            .fact(key)
            .and_then(|fact| fact.told.last())
            .is_some_and(|told| told.value == *value),
        _ => false,
    }
}

fn open(id: Uuid, opening: &Opening, line: &Line) -> Case {
    Case {
        id,
        record_id: line.record_id,
        subject: opening.subject.clone(),
        state: CaseState::Open,
        owner: opening.owner.clone(),
        queue: opening.queue.clone(),
        disposition: String::new(),
        orders: opening.orders.clone(),
        serials: opening.serials.clone(),
        channel: line.channel,
        opened_at: line.at,
        changed_at: line.at,
        resolved_at: None,
        entry_id: line.entry_id,
        times_reopened: 0,
        facts: Vec::new(),
        hand_over: None,
        revision: line.revision,
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

fn tell(case: &mut Case, key: &str, value: &str, line: &Line) -> Result<(), CaseFault> {
    let told = Told {
        value: value.to_owned(),
        at: line.at,
        channel: line.channel,
        actor: line.actor.clone(),
        entry_id: line.entry_id,
    };
    match case.facts.binary_search_by(|fact| fact.key.as_str().cmp(key)) {
        Ok(index) => {
            let fact = &mut case.facts[index];
            if fact.told.len() >= MAX_OF_FACT {
                return Err(CaseFault::Full);
            }
            fact.told.push(told);
        }
        Err(_) if case.facts.len() >= MAX_FACTS => return Err(CaseFault::Full),
        Err(index) => {
            let fact = Fact { key: key.to_owned(), told: vec![told], reasks: Vec::new() };
            case.facts.insert(index, fact);
        }
    }
    Ok(())
}

/// Marks what was passed on as answered; gives who had it before.
fn answer(
    case: &mut Case,
    state: HandOverState,
    line: &Line,
) -> Result<(String, String), CaseFault> {
    let waiting = |it: &&mut HandOver| it.state == HandOverState::Offered;
    let hand_over = case.hand_over.as_mut().filter(waiting).ok_or(CaseFault::NotHandedOver)?;
    hand_over.state = state;
    hand_over.answered_at = Some(line.at);
    hand_over.answered_by.clone_from(&line.actor);
    hand_over.reason.clone_from(&line.reason);
    Ok(hand_over.before.clone())
}
