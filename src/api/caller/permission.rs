//! The permission of a long call, which ends when the permission is revoked.

use std::{future::pending, time::Duration};

use tokio::time::sleep;

use super::{Callers, credentials::PresentedCredentials};
use crate::{api::access, clock::Clock, error::Error};

/// The permission that a long call depends on: its credentials and the roles of its caller.
#[derive(Clone)]
pub struct CallPermission {
    pub(super) callers: Callers,
    /// None: the call presented nothing that could be revoked.
    pub(super) credentials: Option<PresentedCredentials>,
    /// The caller when the call began.
    pub(super) caller: String,
    pub(super) path: String,
    pub(super) clock: Clock,
}

impl CallPermission {
    /// Completes when the credentials are no longer valid, or no role of the caller may make the
    /// call.
    pub async fn lost(self) -> Error {
        let Some(credentials) = self.credentials else { return pending().await };
        let mut known = self.callers.known.subscribe();
        loop {
            let now = self.clock.now();
            known.mark_unchanged();
            let until = match self.callers.find(&credentials, now) {
                Ok(Some(found)) if found.caller.name == self.caller => {
                    if !access::may_call(&found.caller.roles, &self.path) {
                        return Error::RoleNotPermitted;
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
                // An error means that the server has stopped, and the call with it.
                changed = known.changed() => if changed.is_err() { return Error::Stopping },
                () = expired => {}
            }
        }
    }
}
