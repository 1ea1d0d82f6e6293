//! How a write runs: in a task that no caller cancels, within a bound, and again where it lost a
//! race.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use crate::{error::Error, incident};

/// How long a transaction may take, with the wait for a connection. Each of its statements has a
/// shorter bound.
const BOUND: Duration = Duration::from_secs(45);
/// How often a transaction that lost a race against another server is run again.
pub const TRIES: usize = 8;

/// Runs a transaction in a task of its own: a caller that goes away does not cost the connection,
/// which is closed where a transaction is dropped half-way. [`Error::LostRace`] where it lost all
/// races.
pub async fn attempt<T, F>(write: impl Fn() -> F + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send,
{
    incident::spawned(async move {
        for _ in 0..TRIES {
            match timeout(BOUND, write()).await {
                Ok(Err(Error::LostRace)) => {}
                Ok(result) => return result,
                Err(_) => return Err(Error::Unavailable("a write got no answer".to_owned())),
            }
        }
        Err(Error::LostRace)
    })
    .await
}

/// What a caller is told whose write lost every race.
pub fn lost(error: Error) -> Error {
    match error {
        Error::LostRace => Error::Unavailable(format!("lost {TRIES} races")),
        other => other,
    }
}
