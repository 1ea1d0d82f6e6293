//! Evidence decides disclosure: what a caller is shown of a customer whom nothing names but an
//! identifier that nobody has verified. A stranger may have claimed it.
//!
//! What may not be shown is answered as what is not there, after the same statements and not before
//! the same time; whom such a call was about is kept all the same, where somebody is.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{
    Api,
    caller::{ACTOR, Actor, Unverified},
    convert, looked,
};
use crate::{
    error::Error,
    model::{Candidate, Identifier},
    pb,
    store::NamedBy,
};

/// How many open cases are told of.
const MAX_CASES: usize = 20;
/// No refusal comes sooner after its look-up began: a row that is there costs some microseconds
/// more than one that is not, which many calls by a patient caller would find out.
const SOONEST: Duration = Duration::from_millis(5);

/// What evidence leaves of whom an identifier names.
pub(super) enum Seen {
    One {
        person_id: Uuid,
        is_verified: bool,
    },
    /// Whom it may mean.
    Several(Vec<Candidate>),
    Withheld(Withheld),
}

/// Somebody whom the caller is not shown, or nobody.
pub(super) struct Withheld {
    person_id: Option<Uuid>,
    asked_at: Instant,
}

impl Withheld {
    /// That nobody is there, whoever is.
    async fn refused(self, actor: &Actor) -> Error {
        // A caller who is shown everybody is refused nobody.
        if actor.scope().unverified != Unverified::Everything {
            sleep_until(self.asked_at + SOONEST).await;
        }
        Error::CustomerNotFound
    }
}

impl Api {
    /// Whom an identifier names, to a caller who may see that.
    pub(super) async fn named(
        &self,
        identifier: &Identifier,
        actor: &Actor,
    ) -> Result<Uuid, Error> {
        match self.seen_by(identifier, actor).await? {
            Seen::One { person_id, .. } => Ok(person_id),
            Seen::Several(_) => Err(Error::IdentifierAmbiguous),
            Seen::Withheld(withheld) => Err(withheld.refused(actor).await),
        }
    }

    /// The same where more can be answered than a customer.
    pub(super) async fn seen_by(
        &self,
        identifier: &Identifier,
        actor: &Actor,
    ) -> Result<Seen, Error> {
        let asked_at = Instant::now();
        let everything = actor.scope().unverified == Unverified::Everything;
        let withheld = |person_id| Seen::Withheld(Withheld { person_id, asked_at });
        Ok(match self.store.named_by(identifier).await? {
            NamedBy::One { person_id, is_verified } => {
                looked::at(person_id);
                if is_verified || everything {
                    Seen::One { person_id, is_verified }
                } else {
                    withheld(Some(person_id))
                }
            }
            NamedBy::Several(candidates) if everything => Seen::Several(candidates),
            NamedBy::Several(_) | NamedBy::Nobody => withheld(None),
        })
    }

    /// Whether an answer about a customer that some identifiers name is to be kept from a caller.
    pub(super) async fn is_withheld(
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

    /// What is shown of them all the same: that cases are open. Not found where there are none, or
    /// they may not be shown.
    pub(super) async fn open_cases(
        &self,
        withheld: Withheld,
        actor: &Actor,
    ) -> Result<Vec<pb::Case>, Error> {
        if actor.scope().unverified != Unverified::OpenCases {
            return Err(withheld.refused(actor).await);
        }
        let cases = self.store.open_cases_of(withheld.person_id, MAX_CASES).await?;
        if cases.is_empty() {
            return Err(withheld.refused(actor).await);
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

/// A search over all customers would be a way around all this: where a caller is not shown
/// everything, a person answers for it.
pub fn may_search(actor: &Actor) -> Result<(), Error> {
    if actor.scope().unverified == Unverified::Everything || actor.is_person {
        return Ok(());
    }
    Err(Error::invalid(ACTOR, "is missing: of this caller a search names who acts"))
}
