//! The codec of entries about cases, promises and quotes: encodes changes as entries, and decodes
//! them.

use prost::Message as _;
use uuid::Uuid;

use crate::{
    domain::words::index_words,
    error::Error,
    model::{
        Amount, CaseChange, CaseState, CaseUpdate, Channel, EntryKind, EventMeta, Micros, NewEntry,
        Offer, Opening, PromiseChange, PromiseTerms, QuoteChange, RequestContext, Terms,
    },
    pb::{self, entry::Content},
};

/// The metadata of a new entry.
#[derive(Clone, Debug)]
pub struct EntryMeta {
    pub entry_id: Uuid,
    pub at: Micros,
    /// None if the clock causes it.
    pub channel: Option<Channel>,
    pub flags: Vec<i32>,
}

/// Encodes a change of a case.
pub fn case_entry(
    meta: &EntryMeta,
    case_id: Uuid,
    change: &CaseChange,
    context: &RequestContext,
) -> NewEntry {
    let (actor, reason) = (context.actor.clone(), context.reason.clone());
    let kind = match change {
        CaseChange::FactTold { .. } | CaseChange::FactReasked { .. } => EntryKind::Fact,
        CaseChange::HandedOver(_) | CaseChange::HandoverAccepted | CaseChange::HandoverReturned => {
            EntryKind::Handover
        }
        _ => EntryKind::CaseChange,
    };
    let content = match change {
        CaseChange::FactTold { .. } | CaseChange::FactReasked { .. } => fact(change, actor),
        CaseChange::HandedOver(_) | CaseChange::HandoverAccepted | CaseChange::HandoverReturned => {
            handover(change, actor, reason)
        }
        _ => case_change(change, actor, reason),
    };
    entry(meta, Some(case_id), kind, content)
}

/// Encodes a change of a promise.
pub fn promise_entry(
    meta: &EntryMeta,
    (promise_id, case_id): (Uuid, Option<Uuid>),
    change: &PromiseChange,
    making: &PromiseTerms,
    context: &RequestContext,
) -> NewEntry {
    use pb::promise_change::Change;
    let kind = match change {
        PromiseChange::Made(_) => Change::Made,
        PromiseChange::Kept => Change::Kept,
        PromiseChange::Withdrawn => Change::Withdrawn,
        PromiseChange::Broken => Change::Broken,
    };
    let content = Content::PromiseChange(pb::PromiseChange {
        change: kind.into(),
        promise_id: promise_id.to_string(),
        actor: context.actor.clone(),
        reason: context.reason.clone(),
        what: making.what.clone(),
        by: making.by.clone(),
        due_at: Some(pb::timestamp(making.due_at)),
        amount: making.amount.as_ref().map(money),
    });
    entry(meta, case_id, EntryKind::PromiseChange, content)
}

/// Encodes a change of a quote.
pub fn quote_entry(
    meta: &EntryMeta,
    (quote_id, case_id): (Uuid, Option<Uuid>),
    change: &QuoteChange,
    terms: &Terms,
    context: &RequestContext,
) -> NewEntry {
    use pb::quote_change::Change;
    let kind = match change {
        QuoteChange::Given(_) => Change::Given,
        QuoteChange::Withdrawn => Change::Withdrawn,
    };
    let content = Content::QuoteChange(pb::QuoteChange {
        change: kind.into(),
        quote_id: quote_id.to_string(),
        actor: context.actor.clone(),
        reason: context.reason.clone(),
        sku: terms.sku.clone(),
        article: terms.article.clone(),
        price: terms.price.as_ref().map(money),
        offer: terms.offer.clone(),
        promotion_code: terms.promotion_code.clone(),
        valid_until: Some(pb::timestamp(terms.valid_until)),
    });
    entry(meta, case_id, EntryKind::Quote, content)
}

fn money(amount: &Amount) -> pb::Money {
    pb::Money { currency_code: amount.currency.clone(), minor_units: amount.minor_units }
}

fn entry(meta: &EntryMeta, case_id: Option<Uuid>, kind: EntryKind, content: Content) -> NewEntry {
    let words = index_words(texts(&content));
    let content = pb::Entry {
        occurred_at: Some(pb::timestamp(meta.at)),
        channel: pb::Channel::from(meta.channel).into(),
        flags: meta.flags.clone(),
        content: Some(content),
        ..pb::Entry::default()
    };
    NewEntry {
        id: meta.entry_id,
        occurred_at: meta.at,
        kind,
        channel: meta.channel,
        purchase: None,
        orders: Vec::new(),
        complaint: false,
        order_event: None,
        reply_to: None,
        case_id,
        words,
        flags: meta.flags.clone(),
        content: content.encode_to_vec(),
    }
}

/// The texts by which the entry is found.
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
        Content::QuoteChange(it) => {
            vec![&it.sku, &it.article, &it.offer, &it.promotion_code, &it.reason]
        }
        Content::HandoverChange(it) => {
            let mut texts = vec![it.note.as_str(), &it.next_step, &it.reason];
            texts.extend(it.open_questions.iter().map(String::as_str));
            texts
        }
        _ => Vec::new(),
    }
}

fn case_change(change: &CaseChange, actor: String, reason: String) -> Content {
    use pb::case_change::Change;
    let mut content = pb::CaseChange { actor, reason, ..pb::CaseChange::default() };
    let kind = match change {
        CaseChange::Opened(Opening { subject, owner, queue, orders, serials }) => {
            content.subject = Some(subject.clone());
            content.owner = Some(owner.clone());
            content.queue = Some(queue.clone());
            content.order_numbers.clone_from(orders);
            content.serial_numbers.clone_from(serials);
            Change::Opened
        }
        CaseChange::Updated(update) => {
            content.subject.clone_from(&update.subject);
            content.owner.clone_from(&update.owner);
            content.queue.clone_from(&update.queue);
            content.state = update.state.map_or(0, |state| pb::CaseState::from(state).into());
            content.order_numbers.clone_from(&update.add_orders);
            content.serial_numbers.clone_from(&update.add_serials);
            Change::Updated
        }
        CaseChange::Resolved { disposition } => {
            content.disposition.clone_from(disposition);
            Change::Resolved
        }
        CaseChange::Reopened => Change::Reopened,
        CaseChange::PassIssued { expires_at } => {
            content.pass_expires_at = Some(pb::timestamp(*expires_at));
            Change::PassIssued
        }
        CaseChange::PassRedeemed => Change::PassRedeemed,
        _ => Change::Unspecified,
    };
    content.change = kind.into();
    Content::CaseChange(content)
}

fn fact(change: &CaseChange, actor: String) -> Content {
    let mut content = pb::FactChange { actor, ..pb::FactChange::default() };
    match change {
        CaseChange::FactTold { key, value, told_in } => {
            content.key.clone_from(key);
            content.value.clone_from(value);
            content.told_in_entry_id = told_in.map(|id| id.to_string()).unwrap_or_default();
        }
        CaseChange::FactReasked { key } => {
            content.key.clone_from(key);
            content.reasked = true;
        }
        _ => {}
    }
    Content::FactChange(content)
}

fn handover(change: &CaseChange, actor: String, reason: String) -> Content {
    use pb::handover_change::Change;
    let mut content = pb::HandoverChange { actor, reason, ..pb::HandoverChange::default() };
    let kind = match change {
        CaseChange::HandedOver(Offer { to, to_queue, note, open_questions, next_step }) => {
            content.to.clone_from(to);
            content.to_queue.clone_from(to_queue);
            content.note.clone_from(note);
            content.open_questions.clone_from(open_questions);
            content.next_step.clone_from(next_step);
            Change::Offered
        }
        CaseChange::HandoverAccepted => Change::Accepted,
        CaseChange::HandoverReturned => Change::Returned,
        _ => Change::Unspecified,
    };
    content.change = kind.into();
    Content::HandoverChange(content)
}

/// A change of a case, a promise or a quote that an entry records.
pub enum EntryChange {
    Case(CaseChange),
    Promise { id: Uuid, change: PromiseChange },
    Quote { id: Uuid, change: QuoteChange },
}

/// Decodes the change of an entry, with who made it when. None for other entries.
pub fn read(entry: &pb::Entry) -> Result<Option<(EntryChange, EventMeta)>, Error> {
    let (content, actor, reason) = match &entry.content {
        Some(Content::CaseChange(it)) => {
            (EntryChange::Case(read_case_change(it)?), &it.actor, it.reason.clone())
        }
        Some(Content::FactChange(it)) => {
            let key = it.key.clone();
            let change = if it.reasked {
                CaseChange::FactReasked { key }
            } else {
                let told_in = it.told_in_entry_id.parse().ok();
                CaseChange::FactTold { key, value: it.value.clone(), told_in }
            };
            (EntryChange::Case(change), &it.actor, String::new())
        }
        Some(Content::HandoverChange(it)) => {
            (EntryChange::Case(read_handover(it)?), &it.actor, it.reason.clone())
        }
        Some(Content::PromiseChange(it)) => {
            let id = it.promise_id.parse().map_err(|_| UNREADABLE)?;
            let change = read_promise(it)?;
            (EntryChange::Promise { id, change }, &it.actor, it.reason.clone())
        }
        Some(Content::QuoteChange(it)) => {
            let id = it.quote_id.parse().map_err(|_| UNREADABLE)?;
            let change = read_quote(it)?;
            (EntryChange::Quote { id, change }, &it.actor, it.reason.clone())
        }
        _ => return Ok(None),
    };
    let at = entry.occurred_at.ok_or(UNREADABLE)?;
    let event = EventMeta {
        entry_id: entry.id.parse().map_err(|_| UNREADABLE)?,
        record_id: entry.customer_id.parse().map_err(|_| UNREADABLE)?,
        revision: entry.revision,
        at: micros(at),
        channel: pb::Channel::try_from(entry.channel).ok().and_then(Option::<Channel>::from),
        actor: actor.clone(),
        reason,
    };
    Ok(Some((content, event)))
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
        Change::PassIssued => {
            let expires_at = micros(it.pass_expires_at.ok_or(UNREADABLE)?);
            CaseChange::PassIssued { expires_at }
        }
        Change::PassRedeemed => CaseChange::PassRedeemed,
    })
}

fn read_handover(it: &pb::HandoverChange) -> Result<CaseChange, Error> {
    use pb::handover_change::Change;
    Ok(match it.change() {
        Change::Unspecified => return Err(UNREADABLE),
        Change::Offered => CaseChange::HandedOver(Offer {
            to: it.to.clone(),
            to_queue: it.to_queue.clone(),
            note: it.note.clone(),
            open_questions: it.open_questions.clone(),
            next_step: it.next_step.clone(),
        }),
        Change::Accepted => CaseChange::HandoverAccepted,
        Change::Returned => CaseChange::HandoverReturned,
    })
}

fn read_promise(it: &pb::PromiseChange) -> Result<PromiseChange, Error> {
    use pb::promise_change::Change;
    Ok(match it.change() {
        Change::Unspecified => return Err(UNREADABLE),
        Change::Made => PromiseChange::Made(PromiseTerms {
            what: it.what.clone(),
            by: it.by.clone(),
            due_at: micros(it.due_at.ok_or(UNREADABLE)?),
            amount: it.amount.as_ref().map(amount),
        }),
        Change::Kept => PromiseChange::Kept,
        Change::Withdrawn => PromiseChange::Withdrawn,
        Change::Broken => PromiseChange::Broken,
    })
}

fn read_quote(it: &pb::QuoteChange) -> Result<QuoteChange, Error> {
    use pb::quote_change::Change;
    Ok(match it.change() {
        Change::Unspecified => return Err(UNREADABLE),
        Change::Given => QuoteChange::Given(Terms {
            sku: it.sku.clone(),
            article: it.article.clone(),
            price: it.price.as_ref().map(amount),
            offer: it.offer.clone(),
            promotion_code: it.promotion_code.clone(),
            valid_until: micros(it.valid_until.ok_or(UNREADABLE)?),
        }),
        Change::Withdrawn => QuoteChange::Withdrawn,
    })
}

fn amount(money: &pb::Money) -> Amount {
    Amount { currency: money.currency_code.clone(), minor_units: money.minor_units }
}

/// When an entry was recorded.
pub fn recorded_at(entry: &pb::Entry) -> Result<Micros, Error> {
    entry.recorded_at.map(micros).ok_or(UNREADABLE)
}

pub fn micros(at: prost_types::Timestamp) -> Micros {
    at.seconds * 1_000_000 + i64::from(at.nanos / 1000)
}

const UNREADABLE: Error = Error::Inconsistent { table: "entries", column: "payload" };
