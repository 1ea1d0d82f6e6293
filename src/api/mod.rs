//! The gRPC edge: a call is validated, becomes a command or a query of the store, and its result a
//! message. One file per service.

mod access;
mod answer;
mod anybodys;
pub mod body;
mod briefing;
pub mod budget;
mod call_headers;
pub mod caller;
pub mod case_service;
mod compression;
pub mod connection;
pub mod convert;
pub mod customer_service;
pub mod delivery;
mod evidence;
mod export;
pub mod guard;
mod identity;
pub mod json;
mod keeping;
mod looked;
mod mask;
mod measured;
pub mod message;
pub mod origin;
mod outage_log;
pub mod outgoing;
pub mod page;
mod page_token;
mod places;
pub mod privacy_service;
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
use validate::{Rules, Who};
use watch::Watches;

/// What every service needs.
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

    /// Where a caller reads who customers are: the privacy officer sees those too who are
    /// restricted.
    fn identities(&self, actor: &Actor) -> Cow<'_, Store> {
        match actor.has(Role::PrivacyOfficer) {
            true => Cow::Owned(self.store.even_restricted()),
            false => Cow::Borrowed(&self.store),
        }
    }

    /// The id of the customer that a read is about.
    async fn find(&self, who: Who, actor: &Actor) -> Result<Uuid, Error> {
        let id = match who {
            Who::Id(id) => id,
            Who::Identifier(identifier) => self.named(&identifier, actor).await?,
        };
        looked::at(id);
        Ok(id)
    }
}

/// Who a call is by. The guard has seen to it; without it nobody has rights.
fn actor<T>(request: &Request<T>) -> Actor {
    request.extensions().get().cloned().unwrap_or_else(Actor::local)
}
