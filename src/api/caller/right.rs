//! What a long call goes on by, so that it ends when that is taken away.

use std::{future::pending, time::Duration};

use tokio::time::sleep;

use super::{Callers, shown::Shown};
use crate::{api::access, clock::Clock, error::Error};

/// What a long call goes on by: what it has shown.
#[derive(Clone)]
pub struct Right {
    pub(super) callers: Callers,
    /// None: it has shown nothing that could be taken away.
    pub(super) shown: Option<Shown>,
    /// Whose it was when the call began.
    pub(super) caller: String,
    pub(super) path: String,
    pub(super) clock: Clock,
}

impl Right {
    /// Ends when what was shown is worth nothing any more, or no role of its caller may make the
    /// call.
    pub async fn lost(self) -> Error {
        let Some(shown) = self.shown else { return pending().await };
        let mut known = self.callers.known.subscribe();
        loop {
            let now = self.clock.now();
            known.mark_unchanged();
            let until = match self.callers.find(&shown, now) {
                Ok(Some(found)) if found.caller.name == self.caller => {
                    if !access::may_call(&found.caller.roles, &self.path) {
                        return Error::RoleMayNot;
                    }
                    found.until
                }
                _ => return Error::UnknownCaller,
            };
            let expired = async {
                let Some(until) = until else { return pending().await };
                let left = u64::try_from(until.saturating_sub(now)).unwrap_or(0);
                sleep(Duration::from_micros(left)).await;
            };
            tokio::select! {
                // An error means that the server is gone, and the call with it.
                changed = known.changed() => if changed.is_err() { return Error::Stopping },
                () = expired => {}
            }
        }
    }
}
