//! Disclosure policy: what a caller may see of a customer who is named only by an unverified
//! identifier, which a stranger may have claimed.
//!
//! What may not be disclosed is answered as if it did not exist, after the same statements and no
//! sooner. The audit log still records which customer such a call concerned.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{
    Api, audit_subject,
    caller::{ACTOR, Actor, Unverified},
    convert,
};
use crate::{
    error::Error,
    model::{Candidate, Identifier},
    pb,
    store::NamedBy,
};

/// How many open cases are disclosed.
const MAX_CASES: usize = 20;
/// The minimum time of a refusal: finding a row takes some microseconds longer than finding none,
/// which a patient caller could measure over many calls.
const SOONEST: Duration = Duration::from_millis(5);

/// What is disclosed of the customer that an identifier names.
pub(super) enum Disclosure {
    One {
        person_id: Uuid,
        is_verified: bool,
    },
    /// The candidates.
    Several(Vec<Candidate>),
    Undisclosed(Undisclosed),
}

/// A customer who is not disclosed to the caller, or no customer at all.
pub(super) struct Undisclosed {
    person_id: Option<Uuid>,
    asked_at: Instant,
}

impl Undisclosed {
    /// The refusal, which is the same in both cases.
    async fn refused(self, actor: &Actor) -> Error {
        // A caller with full disclosure needs no delay.
        if actor.scope().unverified != Unverified::Everything {
            sleep_until(self.asked_at + SOONEST).await;
        }
        Error::CustomerNotFound
    }
}

impl Api {
    /// The customer that an identifier names, if disclosed.
    pub(super) async fn named(
        &self,
        identifier: &Identifier,
        actor: &Actor,
    ) -> Result<Uuid, Error> {
        match self.seen_by(identifier, actor).await? {
            Disclosure::One { person_id, .. } => Ok(person_id),
            Disclosure::Several(_) => Err(Error::IdentifierAmbiguous),
            Disclosure::Undisclosed(undisclosed) => Err(undisclosed.refused(actor).await),
        }
    }

    /// What is disclosed of the customer that an identifier names, for calls with more outcomes
    /// than a customer.
    pub(super) async fn seen_by(
        &self,
        identifier: &Identifier,
        actor: &Actor,
    ) -> Result<Disclosure, Error> {
        let asked_at = Instant::now();
        let everything = actor.scope().unverified == Unverified::Everything;
        let undisclosed = |person_id| Disclosure::Undisclosed(Undisclosed { person_id, asked_at });
        Ok(match self.store.named_by(identifier).await? {
            NamedBy::One { person_id, is_verified } => {
                audit_subject::add(person_id);
                if is_verified || everything {
                    Disclosure::One { person_id, is_verified }
                } else {
                    undisclosed(Some(person_id))
                }
            }
            NamedBy::Several(candidates) if everything => Disclosure::Several(candidates),
            NamedBy::Several(_) | NamedBy::Nobody => undisclosed(None),
        })
    }

    /// Whether a response about a customer that some identifiers name must be withheld from a
    /// caller.
    pub(super) async fn is_undisclosed(
        &self,
        customer_id: Uuid,
        identifiers: &[Identifier],
        actor: &Actor,
    ) -> Result<bool, Error> {
        if actor.scope().unverified == Unverified::Everything {
            return Ok(false);
        }
        for identifier in identifiers {
            if let NamedBy::One { person_id, is_verified: true } =
                self.store.named_by(identifier).await?
                && person_id == customer_id
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The open cases, which may be disclosed all the same. NOT_FOUND if there are none, or if not
    /// even these may be disclosed.
    pub(super) async fn open_cases(
        &self,
        undisclosed: Undisclosed,
        actor: &Actor,
    ) -> Result<Vec<pb::Case>, Error> {
        if actor.scope().unverified != Unverified::OpenCases {
            return Err(undisclosed.refused(actor).await);
        }
        let cases = self.store.open_cases_of(undisclosed.person_id, MAX_CASES).await?;
        if cases.is_empty() {
            return Err(undisclosed.refused(actor).await);
        }
        let shown = cases.into_iter().map(convert::case).map(|case| pb::Case {
            subject: case.subject,
            state: case.state,
            channel: case.channel,
            opened_at: case.opened_at,
            ..pb::Case::default()
        });
        Ok(shown.collect())
    }
}

/// Whether an actor may search across all customers. A search would circumvent this policy, so that
/// a caller without full disclosure must name the acting user.
pub fn may_search(actor: &Actor) -> Result<(), Error> {
    if actor.scope().unverified == Unverified::Everything || actor.is_person {
        return Ok(());
    }
    Err(Error::invalid(ACTOR, "is missing: of this caller a search names who acts"))
}
