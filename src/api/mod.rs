//! The gRPC edge: a call is validated, becomes a command or a query of the store, and its result a
//! message. One file per service.

pub mod body;
pub mod convert;
pub mod customer_service;
pub mod guard;
mod one_message;
pub mod page;
mod page_token;
pub mod status;
pub mod timeline_service;
pub mod validate;

use uuid::Uuid;

use crate::{error::Error, store::Store};
use validate::{Rules, Who};

/// What every service needs.
#[derive(Clone, Debug)]
pub struct Api {
    store: Store,
    rules: Rules,
}

impl Api {
    pub fn new(store: Store, rules: Rules) -> Self {
        Self { store, rules }
    }

    /// The id of the customer that a read is about.
    async fn find(&self, who: Who) -> Result<Uuid, Error> {
        match who {
            Who::Id(id) => Ok(id),
            Who::Identifier(identifier) => {
                self.store.find_owner(&identifier).await?.ok_or(Error::CustomerNotFound)
            }
        }
    }
}
