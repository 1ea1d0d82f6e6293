//! The gRPC edge: requests are validated, become commands or queries of the store, and the results
//! become responses. One file per service.

mod access;
mod answer;
mod audit_guard;
mod audit_subject;
pub mod body;
mod briefing;
pub mod budget;
mod call_headers;
pub mod caller;
pub mod case_service;
mod compression;
mod concurrency;
pub mod connection;
pub mod convert;
pub mod customer_service;
pub mod delivery;
mod disclosure;
mod export;
pub mod guard;
mod identity;
pub mod json;
mod mask;
mod measured;
pub mod message;
pub mod origin;
mod outage_log;
pub mod outgoing;
pub mod page;
mod page_token;
pub mod privacy_service;
mod public_calls;
pub mod purchase_service;
pub mod purpose;
pub mod shed;
mod signature;
pub mod status;
pub mod suggestions;
pub mod timeline_service;
mod trace_context;
pub mod traffic;
pub mod validate;
pub mod watch;

use std::borrow::Cow;

use tonic::Request;
use uuid::Uuid;

use crate::{error::Error, store::Store};
use caller::{Actor, Role};
use validate::{CustomerRef, Rules};
use watch::Watches;

/// What the services share.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    rules: Rules,
    watches: Watches,
}

impl Api {
    pub fn new(store: Store, rules: Rules, watches: Watches) -> Self {
        Self { store, rules, watches }
    }

    /// The store for reads of identity data: privacy officers also see restricted customers.
    fn identities(&self, actor: &Actor) -> Cow<'_, Store> {
        match actor.has(Role::PrivacyOfficer) {
            true => Cow::Owned(self.store.even_restricted()),
            false => Cow::Borrowed(&self.store),
        }
    }

    /// The id of the customer that a read names.
    async fn find(&self, who: CustomerRef, actor: &Actor) -> Result<Uuid, Error> {
        let id = match who {
            CustomerRef::Id(id) => id,
            CustomerRef::Identifier(identifier) => self.named(&identifier, actor).await?,
        };
        audit_subject::add(id);
        Ok(id)
    }
}

/// The actor of a call, as the guard set it; without the guard it has no rights.
fn actor<T>(request: &Request<T>) -> Actor {
    request.extensions().get().cloned().unwrap_or_else(Actor::local)
}
