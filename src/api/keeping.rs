//! Keeps who made a call, before its answer goes out.

use std::time::Duration;

use tokio::time::timeout;
use tonic::Code;

use super::{
    access::{self, Call},
    caller::Actor,
    looked::Looked,
    purpose,
};
use crate::{clock::Clock, error::Error, model::Access, pb::Purpose, store::Store};

/// How long an answer waits for this.
const BOUND: Duration = Duration::from_secs(20);

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
        let late = || Error::Unavailable("an access could not be kept in time".to_owned());
        timeout(BOUND, store.keep_access(access)).await.unwrap_or_else(|_| Err(late()))
    }
}
