//! Evidence decides disclosure: what a caller is shown of a customer whom nothing names but an
//! identifier that nobody has verified. A stranger may have claimed it.
//!
//! What may not be shown is answered as what is not there, after the same look-up.

use uuid::Uuid;

use super::{
    Api,
    caller::{ACTOR, Actor, Unverified},
    convert, looked,
};
use crate::{
    error::Error,
    model::Identifier,
    pb,
    store::{CasesOf, NamedBy},
};

/// How many open cases are told of.
const MAX_CASES: usize = 20;

impl Api {
    /// Whom an identifier names, to a caller who may see that.
    pub(super) async fn named(
        &self,
        identifier: &Identifier,
        actor: &Actor,
    ) -> Result<Uuid, Error> {
        let everything = actor.scope().unverified == Unverified::Everything;
        match self.store.named_by(identifier).await? {
            NamedBy::One { person_id, is_verified } if is_verified || everything => Ok(person_id),
            NamedBy::Several(_) if everything => Err(Error::IdentifierAmbiguous),
            _ => Err(Error::CustomerNotFound),
        }
    }

    /// Whom an identifier names that nobody has verified, where the caller sees less by such a one.
    pub(super) async fn unverified(
        &self,
        identifier: &Identifier,
        actor: &Actor,
    ) -> Result<Option<Uuid>, Error> {
        if actor.scope().unverified == Unverified::Everything {
            return Ok(None);
        }
        Ok(match self.store.named_by(identifier).await? {
            NamedBy::One { person_id, is_verified: false } => Some(person_id),
            _ => None,
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

    /// What is shown of a customer whom an identifier names that is not verified: that cases are
    /// open. Not found where there are none, or they may not be shown.
    pub(super) async fn open_cases(
        &self,
        person_id: Uuid,
        actor: &Actor,
    ) -> Result<Vec<pb::Case>, Error> {
        if actor.scope().unverified == Unverified::Nothing {
            return Err(Error::CustomerNotFound);
        }
        let of = CasesOf::Customer { customer_id: person_id, open_only: true };
        let cases = match self.store.list_cases(&of, None, MAX_CASES).await {
            // That there is somebody who is restricted is more than may be shown.
            Err(Error::CustomerRestricted) => return Err(Error::CustomerNotFound),
            cases => cases?,
        };
        if cases.is_empty() {
            return Err(Error::CustomerNotFound);
        }
        looked::at(person_id);
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
