//! Applies changes to a promise.

use uuid::Uuid;

use crate::model::{EventMeta, Promise, PromiseChange, PromiseState};

/// Why a change cannot be applied: the promise is settled, or was broken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled;

/// Applies a change. `promise` is None for the change that makes it.
pub fn apply(
    promise: Option<Promise>,
    (id, case_id): (Uuid, Option<Uuid>),
    change: &PromiseChange,
    event: &EventMeta,
) -> Result<Promise, Settled> {
    let mut promise = match (promise, change) {
        (None, PromiseChange::Made(making)) => {
            return Ok(Promise {
                id,
                record_id: event.record_id,
                case_id,
                made: making.clone(),
                state: PromiseState::Open,
                actor: event.actor.clone(),
                channel: event.channel,
                made_at: event.at,
                broken_at: None,
                settled_at: None,
                reason: String::new(),
                entry_id: event.entry_id,
                last_entry_id: event.entry_id,
                revision: event.revision,
            });
        }
        (Some(promise), _) => promise,
        (None, _) => return Err(Settled),
    };
    match (change, promise.state) {
        (PromiseChange::Kept, PromiseState::Open | PromiseState::Broken) => {
            promise.state = PromiseState::Kept;
            promise.settled_at = Some(event.at);
        }
        (PromiseChange::Withdrawn, PromiseState::Open | PromiseState::Broken) => {
            promise.state = PromiseState::Withdrawn;
            promise.settled_at = Some(event.at);
        }
        (PromiseChange::Broken, PromiseState::Open) => {
            promise.state = PromiseState::Broken;
            promise.broken_at = Some(event.at);
        }
        _ => return Err(Settled),
    }
    promise.reason.clone_from(&event.reason);
    promise.last_entry_id = event.entry_id;
    promise.revision = event.revision;
    Ok(promise)
}
