//! Keeps who made a call, before its answer goes out, and where nobody waits for that any more.

use std::time::Duration;

use tokio::{
    runtime::Handle,
    time::{Instant, timeout, timeout_at},
};
use tonic::Code;

use super::{
    access::{self, Call},
    caller::Actor,
    looked::Looked,
    places::Place,
    purpose,
};
use crate::{clock::Clock, error::Error, model::Access, pb::Purpose, store::Store};

/// How long this may take where nobody waits for it.
const BOUND: Duration = Duration::from_secs(10);

/// A call that is to be kept.
#[derive(Debug)]
pub struct Keeping {
    call: &'static Call,
    caller: String,
    actor: String,
    purpose: Purpose,
    /// Where the call says whom it is about.
    pub looked: Looked,
}

impl Keeping {
    /// A call by somebody, or by nobody who is known.
    pub fn of(call: &'static Call, actor: Option<&Actor>) -> Self {
        Self {
            call,
            caller: actor.map(|actor| actor.caller().to_owned()).unwrap_or_default(),
            actor: actor.map(|actor| actor.name.clone()).unwrap_or_default(),
            purpose: Purpose::Unspecified,
            looked: Looked::default(),
        }
    }

    /// The same, once it is known what it is for.
    pub fn for_purpose(self, purpose: Purpose) -> Self {
        Self { purpose, ..self }
    }

    /// Keeps it, with the code of its answer. An error means that the answer must not go out.
    pub async fn keep(self, store: &Store, clock: Clock, code: Code) -> Result<(), Error> {
        let (customers, case_id) = self.looked.found();
        let access = Access {
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
        store.keep_access(access).await
    }
}

/// What is left to do for a call that is under way: it is kept, and then gives back its place. One
/// whose caller goes away is kept as cancelled: what it has begun may take effect.
#[derive(Debug)]
pub struct Kept {
    /// Nothing where it is not to be kept, or is.
    due: Option<(Keeping, Store)>,
    clock: Clock,
    place: Option<Place>,
    /// When the call must have ended.
    ends: Instant,
}

impl Kept {
    pub fn new(
        keeping: Option<Keeping>,
        store: Option<Store>,
        clock: Clock,
        place: Option<Place>,
        ends: Instant,
    ) -> Self {
        Self { due: keeping.zip(store), clock, place, ends }
    }

    /// Keeps it while the call may still take time, and gives the place on to the answer. An error
    /// means that the answer must not go out. What could not be kept in time is on its way, and
    /// will be.
    pub async fn now(mut self, code: Code) -> Result<Option<Place>, Error> {
        if let Some((keeping, store)) = self.due.take() {
            let kept = timeout_at(self.ends, keeping.keep(&store, self.clock, code)).await;
            kept.unwrap_or(Err(Error::DeadlinePassed))?;
        }
        Ok(self.place.take())
    }

    /// Keeps it while nobody waits.
    pub fn later(mut self, code: Code) {
        self.spawn(code);
    }

    fn spawn(&mut self, code: Code) {
        // There is no runtime any more where a process ends.
        let (Some((keeping, store)), Ok(runtime)) = (self.due.take(), Handle::try_current()) else {
            return;
        };
        let (clock, place) = (self.clock, self.place.take());
        runtime.spawn(async move {
            // What cannot be kept is told by whoever keeps.
            let _ = timeout(BOUND, keeping.keep(&store, clock, code)).await;
            drop(place);
        });
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.spawn(Code::Cancelled);
    }
}
