//! Runs a write transaction: in its own task, within a time limit, and again after a conflict.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use crate::{error::Error, incident};

/// The time limit of a transaction, including the wait for a connection. Statements have shorter
/// limits.
const BOUND: Duration = Duration::from_secs(45);
/// How often a transaction is tried that conflicts with other servers.
pub const TRIES: usize = 8;

/// Runs a transaction in its own task, so that a cancelled caller does not cost the connection,
/// which is closed when a transaction is dropped midway. Returns [`Error::Conflict`] if every try
/// conflicted.
pub async fn attempt<T, F>(write: impl Fn() -> F + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send,
{
    incident::spawned(async move {
        for _ in 0..TRIES {
            match timeout(BOUND, write()).await {
                Ok(Err(Error::Conflict)) => {}
                Ok(result) => return result,
                Err(_) => return Err(Error::Unavailable("a write got no answer".to_owned())),
            }
        }
        Err(Error::Conflict)
    })
    .await
}

/// The error for a write whose every try conflicted.
pub fn lost(error: Error) -> Error {
    match error {
        Error::Conflict => Error::Unavailable(format!("lost {TRIES} races")),
        other => other,
    }
}
