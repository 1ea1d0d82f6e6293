//! Writes the audit entry of a call: before its response is sent, or in the background if the
//! caller is gone.

use std::time::Duration;

use tokio::{
    runtime::Handle,
    time::{Instant, timeout, timeout_at},
};
use tonic::Code;

use super::{
    access::{self, Call},
    audit_subject::AuditSubject,
    caller::Actor,
    concurrency::Permit,
    purpose,
};
use crate::{clock::Clock, error::Error, model::AuditEntry, pb::Purpose, store::Store};

/// The time limit in the background.
const BOUND: Duration = Duration::from_secs(10);

/// An audit entry in preparation.
#[derive(Debug)]
pub struct AuditDraft {
    call: &'static Call,
    caller: String,
    actor: String,
    purpose: Purpose,
    /// Collects the customers that the call concerns.
    pub subject: AuditSubject,
}

impl AuditDraft {
    /// Begins an entry for a call of an actor, or of an unauthenticated caller.
    pub fn of(call: &'static Call, actor: Option<&Actor>) -> Self {
        Self {
            call,
            caller: actor.map(|actor| actor.caller().to_owned()).unwrap_or_default(),
            actor: actor.map(|actor| actor.name.clone()).unwrap_or_default(),
            purpose: Purpose::Unspecified,
            subject: AuditSubject::default(),
        }
    }

    /// Sets the purpose.
    pub fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// Writes the entry with the code of the response. On an error the response must not be sent.
    pub async fn write(self, store: &Store, clock: Clock, code: Code) -> Result<(), Error> {
        let (customers, case_id) = self.subject.collected();
        let entry = AuditEntry {
            at: clock.now(),
            caller: self.caller,
            actor: self.actor,
            purpose: purpose::word(self.purpose),
            call: self.call.name.clone(),
            data: access::word(self.call.data()),
            code: code.into(),
            customers,
            case_id,
        };
        store.add_audit_entry(entry).await
    }
}

/// Guarantees that a call is audited and then returns its permit. If the caller goes away, the call
/// is audited as cancelled, since it may have taken effect.
#[derive(Debug)]
pub struct AuditGuard {
    /// None if the call is not audited, or is audited already.
    due: Option<(AuditDraft, Store)>,
    clock: Clock,
    permit: Option<Permit>,
    /// The deadline of the call.
    ends: Instant,
}

impl AuditGuard {
    pub fn new(
        draft: Option<AuditDraft>,
        store: Option<Store>,
        clock: Clock,
        permit: Option<Permit>,
        ends: Instant,
    ) -> Self {
        Self { due: draft.zip(store), clock, permit, ends }
    }

    /// Writes the entry within the deadline, and returns the permit for the response. On an error
    /// the response must not be sent. If the deadline passes, the entry is still written later.
    pub async fn write_now(mut self, code: Code) -> Result<Option<Permit>, Error> {
        if let Some((draft, store)) = self.due.take() {
            let kept = timeout_at(self.ends, draft.write(&store, self.clock, code)).await;
            kept.unwrap_or(Err(Error::DeadlinePassed))?;
        }
        Ok(self.permit.take())
    }

    /// Writes the entry in the background.
    pub fn write_later(mut self, code: Code) {
        self.spawn(code);
    }

    fn spawn(&mut self, code: Code) {
        // There is no runtime when the process ends.
        let (Some((draft, store)), Ok(runtime)) = (self.due.take(), Handle::try_current()) else {
            return;
        };
        let (clock, permit) = (self.clock, self.permit.take());
        runtime.spawn(async move {
            // The store logs failures.
            let _ = timeout(BOUND, draft.write(&store, clock, code)).await;
            drop(permit);
        });
    }
}

impl Drop for AuditGuard {
    fn drop(&mut self) {
        self.spawn(Code::Cancelled);
    }
}
