//! The entries that tell of cases and promises: from a change to what the timeline shows, and back.

use prost::Message as _;
use uuid::Uuid;

use crate::{
    error::Error,
    model::{
        Amount, Asked, CaseChange, CaseState, CaseUpdate, Channel, EntryKind, Line, Making, Micros,
        NewEntry, Offer, Opening, PromiseChange,
    },
    pb::{self, entry::Content},
    story::words::index_words,
};

/// Where and when a change happens, and what was noticed in its texts.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub entry_id: Uuid,
    pub at: Micros,
    /// Nothing for the clock.
    pub channel: Option<Channel>,
    pub flags: Vec<i32>,
}

/// The entry of a change of a case.
pub(super) fn case_entry(
    scene: &Scene,
    case_id: Uuid,
    change: &CaseChange,
    asked: &Asked,
) -> NewEntry {
    let (actor, reason) = (asked.actor.clone(), asked.reason.clone());
    let kind = match change {
        CaseChange::FactTold { .. } | CaseChange::FactReasked { .. } => EntryKind::Fact,
        CaseChange::HandedOver(_) | CaseChange::HandOverAccepted | CaseChange::HandOverReturned => {
            EntryKind::HandOver
        }
        _ => EntryKind::CaseChange,
    };
    let content = match change {
        CaseChange::FactTold { .. } | CaseChange::FactReasked { .. } => fact(change, actor),
        CaseChange::HandedOver(_) | CaseChange::HandOverAccepted | CaseChange::HandOverReturned => {
            hand_over(change, actor, reason)
        }
        _ => case_change(change, actor, reason),
    };
    entry(scene, Some(case_id), kind, content)
}

/// The entry of a change of a promise.
pub(super) fn promise_entry(
    scene: &Scene,
    (promise_id, case_id): (Uuid, Option<Uuid>),
    change: &PromiseChange,
    making: &Making,
    asked: &Asked,
) -> NewEntry {
    use pb::promise_change::Change;
    let sort = match change {
        PromiseChange::Made(_) => Change::Made,
        PromiseChange::Kept => Change::Kept,
        PromiseChange::Withdrawn => Change::Withdrawn,
        PromiseChange::Broken => Change::Broken,
    };
    let content = Content::PromiseChange(pb::PromiseChange {
        change: sort.into(),
        promise_id: promise_id.to_string(),
        actor: asked.actor.clone(),
        reason: asked.reason.clone(),
        what: making.what.clone(),
        by: making.by.clone(),
        due_at: Some(pb::timestamp(making.due_at)),
        amount: making.amount.as_ref().map(|amount| pb::Money {
            currency_code: amount.currency.clone(),
            minor_units: amount.minor_units,
        }),
    });
    entry(scene, case_id, EntryKind::PromiseChange, content)
}

fn entry(scene: &Scene, case_id: Option<Uuid>, kind: EntryKind, content: Content) -> NewEntry {
    let words = index_words(texts(&content));
    let told = pb::Entry {
        occurred_at: Some(pb::timestamp(scene.at)),
        channel: pb::Channel::from(scene.channel).into(),
        flags: scene.flags.clone(),
        content: Some(content),
        ..pb::Entry::default()
    };
    NewEntry {
        id: scene.entry_id,
        occurred_at: scene.at,
        kind,
        channel: scene.channel,
        purchase: None,
        orders: Vec::new(),
        complaint: false,
        news: None,
        reply_to: None,
        case_id,
        words,
        flags: scene.flags.clone(),
        content: told.encode_to_vec(),
    }
}

/// What people wrote, by which the entry is found.
fn texts(content: &Content) -> Vec<&str> {
    match content {
        Content::CaseChange(it) => {
            let mut texts = vec![it.reason.as_str(), it.subject(), &it.disposition];
            texts.extend(it.order_numbers.iter().map(String::as_str));
            texts.extend(it.serial_numbers.iter().map(String::as_str));
            texts
        }
        Content::FactChange(it) => vec![&it.key, &it.value],
        Content::PromiseChange(it) => vec![&it.what, &it.by, &it.reason],
        Content::HandOverChange(it) => {
            let mut texts = vec![it.note.as_str(), &it.next_step, &it.reason];
            texts.extend(it.open_questions.iter().map(String::as_str));
            texts
        }
        _ => Vec::new(),
    }
}

fn case_change(change: &CaseChange, actor: String, reason: String) -> Content {
    use pb::case_change::Change;
    let mut told = pb::CaseChange { actor, reason, ..pb::CaseChange::default() };
    let sort = match change {
        CaseChange::Opened(Opening { subject, owner, queue, orders, serials }) => {
            told.subject = Some(subject.clone());
            told.owner = Some(owner.clone());
            told.queue = Some(queue.clone());
            told.order_numbers.clone_from(orders);
            told.serial_numbers.clone_from(serials);
            Change::Opened
        }
        CaseChange::Updated(update) => {
            told.subject.clone_from(&update.subject);
            told.owner.clone_from(&update.owner);
            told.queue.clone_from(&update.queue);
            told.state = update.state.map_or(0, |state| pb::CaseState::from(state).into());
            told.order_numbers.clone_from(&update.add_orders);
            told.serial_numbers.clone_from(&update.add_serials);
            Change::Updated
        }
        CaseChange::Resolved { disposition } => {
            told.disposition.clone_from(disposition);
            Change::Resolved
        }
        CaseChange::Reopened => Change::Reopened,
        _ => Change::Unspecified,
    };
    told.change = sort.into();
    Content::CaseChange(told)
}

fn fact(change: &CaseChange, actor: String) -> Content {
    let mut told = pb::FactChange { actor, ..pb::FactChange::default() };
    match change {
        CaseChange::FactTold { key, value, told_in } => {
            told.key.clone_from(key);
            told.value.clone_from(value);
            told.told_in_entry_id = told_in.map(|id| id.to_string()).unwrap_or_default();
        }
        CaseChange::FactReasked { key } => {
            told.key.clone_from(key);
            told.reasked = true;
        }
        _ => {}
    }
    Content::FactChange(told)
}

fn hand_over(change: &CaseChange, actor: String, reason: String) -> Content {
    use pb::hand_over_change::Change;
    let mut told = pb::HandOverChange { actor, reason, ..pb::HandOverChange::default() };
    let sort = match change {
        CaseChange::HandedOver(Offer { to, to_queue, note, open_questions, next_step }) => {
            told.to.clone_from(to);
            told.to_queue.clone_from(to_queue);
            told.note.clone_from(note);
            told.open_questions.clone_from(open_questions);
            told.next_step.clone_from(next_step);
            Change::Offered
        }
        CaseChange::HandOverAccepted => Change::Accepted,
        CaseChange::HandOverReturned => Change::Returned,
        _ => Change::Unspecified,
    };
    told.change = sort.into();
    Content::HandOverChange(told)
}

/// What an entry tells of a case or a promise; nothing of any other entry.
pub(super) enum Told {
    Case(CaseChange),
    Promise { id: Uuid, change: PromiseChange },
}

/// What an entry tells, and when and by whom it is told.
pub(super) fn read(entry: &pb::Entry) -> Result<Option<(Told, Line)>, Error> {
    let (told, actor, reason) = match &entry.content {
        Some(Content::CaseChange(it)) => {
            (Told::Case(read_case_change(it)?), &it.actor, it.reason.clone())
        }
        Some(Content::FactChange(it)) => {
            let key = it.key.clone();
            let change = if it.reasked {
                CaseChange::FactReasked { key }
            } else {
                let told_in = it.told_in_entry_id.parse().ok();
                CaseChange::FactTold { key, value: it.value.clone(), told_in }
            };
            (Told::Case(change), &it.actor, String::new())
        }
        Some(Content::HandOverChange(it)) => {
            (Told::Case(read_hand_over(it)?), &it.actor, it.reason.clone())
        }
        Some(Content::PromiseChange(it)) => {
            let id = it.promise_id.parse().map_err(|_| UNREADABLE)?;
            let change = read_promise(it)?;
            (Told::Promise { id, change }, &it.actor, it.reason.clone())
        }
        _ => return Ok(None),
    };
    let at = entry.occurred_at.ok_or(UNREADABLE)?;
    let line = Line {
        entry_id: entry.id.parse().map_err(|_| UNREADABLE)?,
        record_id: entry.customer_id.parse().map_err(|_| UNREADABLE)?,
        revision: entry.revision,
        at: micros(at),
        channel: pb::Channel::try_from(entry.channel).ok().and_then(Option::<Channel>::from),
        actor: actor.clone(),
        reason,
    };
    Ok(Some((told, line)))
}

fn read_case_change(it: &pb::CaseChange) -> Result<CaseChange, Error> {
    use pb::case_change::Change;
    Ok(match it.change() {
        Change::Unspecified => return Err(UNREADABLE),
        Change::Opened => CaseChange::Opened(Opening {
            subject: it.subject().to_owned(),
            owner: it.owner().to_owned(),
            queue: it.queue().to_owned(),
            orders: it.order_numbers.clone(),
            serials: it.serial_numbers.clone(),
        }),
        Change::Updated => CaseChange::Updated(CaseUpdate {
            subject: it.subject.clone(),
            owner: it.owner.clone(),
            queue: it.queue.clone(),
            state: pb::CaseState::try_from(it.state).ok().and_then(Option::<CaseState>::from),
            add_orders: it.order_numbers.clone(),
            add_serials: it.serial_numbers.clone(),
        }),
        Change::Resolved => CaseChange::Resolved { disposition: it.disposition.clone() },
        Change::Reopened => CaseChange::Reopened,
    })
}

fn read_hand_over(it: &pb::HandOverChange) -> Result<CaseChange, Error> {
    use pb::hand_over_change::Change;
    Ok(match it.change() {
        Change::Unspecified => return Err(UNREADABLE),
        Change::Offered => CaseChange::HandedOver(Offer {
            to: it.to.clone(),
            to_queue: it.to_queue.clone(),
            note: it.note.clone(),
            open_questions: it.open_questions.clone(),
            next_step: it.next_step.clone(),
        }),
        Change::Accepted => CaseChange::HandOverAccepted,
        Change::Returned => CaseChange::HandOverReturned,
    })
}

fn read_promise(it: &pb::PromiseChange) -> Result<PromiseChange, Error> {
    use pb::promise_change::Change;
    Ok(match it.change() {
        Change::Unspecified => return Err(UNREADABLE),
        Change::Made => PromiseChange::Made(Making {
            what: it.what.clone(),
            by: it.by.clone(),
            due_at: micros(it.due_at.ok_or(UNREADABLE)?),
            amount: it.amount.as_ref().map(|amount| Amount {
                currency: amount.currency_code.clone(),
                minor_units: amount.minor_units,
            }),
        }),
        Change::Kept => PromiseChange::Kept,
        Change::Withdrawn => PromiseChange::Withdrawn,
        Change::Broken => PromiseChange::Broken,
    })
}

/// When an entry was recorded.
pub(super) fn recorded_at(entry: &pb::Entry) -> Result<Micros, Error> {
    entry.recorded_at.map(micros).ok_or(UNREADABLE)
}

pub(super) fn micros(at: prost_types::Timestamp) -> Micros {
    at.seconds * 1_000_000 + i64::from(at.nanos / 1000)
}

const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
