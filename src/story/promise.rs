//! A promise as its entries add up.

use uuid::Uuid;

use crate::model::{Line, Promise, PromiseChange, PromiseState};

/// A change that does not fit: the promise is settled, or was broken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled;

/// The promise after a change. `promise` is none for the one that makes it.
pub fn apply(
    promise: Option<Promise>,
    (id, case_id): (Uuid, Option<Uuid>),
    change: &PromiseChange,
    line: &Line,
) -> Result<Promise, Settled> {
    let mut promise = match (promise, change) {
        (None, PromiseChange::Made(making)) => {
            return Ok(Promise {
                id,
                record_id: line.record_id,
                case_id,
                made: making.clone(),
                state: PromiseState::Open,
                actor: line.actor.clone(),
                channel: line.channel,
                made_at: line.at,
                broken_at: None,
                settled_at: None,
                reason: String::new(),
                entry_id: line.entry_id,
                last_entry_id: line.entry_id,
                revision: line.revision,
            });
        }
        (Some(promise), _) => promise,
        (None, _) => return Err(Settled),
    };
    match (change, promise.state) {
        (PromiseChange::Kept, PromiseState::Open | PromiseState::Broken) => {
            promise.state = PromiseState::Kept;
            promise.settled_at = Some(line.at);
        }
        (PromiseChange::Withdrawn, PromiseState::Open | PromiseState::Broken) => {
            promise.state = PromiseState::Withdrawn;
            promise.settled_at = Some(line.at);
        }
        (PromiseChange::Broken, PromiseState::Open) => {
            promise.state = PromiseState::Broken;
            promise.broken_at = Some(line.at);
        }
        _ => return Err(Settled),
    }
    promise.reason.clone_from(&line.reason);
    promise.last_entry_id = line.entry_id;
    promise.revision = line.revision;
    Ok(promise)
}
