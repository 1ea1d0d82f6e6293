//! How a write runs: in a task that no caller cancels, within a bound, and again where it lost a
//! race.

use std::{future::Future, time::Duration};

use tokio::time::timeout;

use crate::{error::Error, incident};

/// How long a transaction may take. The database's own limits end a statement earlier; this one is
/// for a connection whose other side has vanished without a word. It is longer than the wait for a
/// connection and a statement together, so that what it drops is a connection already lost.
const BOUND: Duration = Duration::from_secs(45);
/// How often a transaction that lost a race against another server is run again.
pub const TRIES: usize = 8;

/// Runs a transaction in a task of its own: one that is dropped half-way would leave its connection
/// in a state that sqlx does not survive (issue 4393). [`Error::LostRace`] where it lost all races.
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
