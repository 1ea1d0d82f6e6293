//! Panics: each has an id, which its line in the log and the answer of the call have in common.

use std::{
    any::Any,
    cell::Cell,
    fmt::Display,
    future::Future,
    panic::{AssertUnwindSafe, PanicHookInfo},
};

use futures_util::FutureExt as _;
use uuid::Uuid;

use crate::{clock::Clock, error::Error};

thread_local! {
    /// Of the panic that unwinds this thread, from the hook until somebody catches it.
    static LAST: Cell<Option<Uuid>> = const { Cell::new(None) };
}

/// Notes a panic in the log: for the hook of the process. Its text may quote a customer's; where it
/// was does not.
pub fn note(panic: &PanicHookInfo<'_>) {
    let incident = Clock::System.random_id();
    LAST.set(Some(incident));
    match panic.location() {
        Some(place) => log(incident, place),
        None => log(incident, &"unknown"),
    }
}

/// Does work that may panic, and tells that it did.
pub async fn caught<F: Future>(work: F) -> Result<F::Output, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Error::Panicked(of(&panic)))
}

/// Does work in a task of its own, which goes on where its caller is dropped.
pub async fn spawned<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let task = tokio::spawn(caught(work));
    task.await.map_err(|_| Error::Internal("a task was cancelled".to_owned()))??
}

/// The id of a panic that was just caught. One that the hook did not see has a line of its own.
fn of(_panic: &Box<dyn Any + Send>) -> Uuid {
    LAST.take().unwrap_or_else(|| {
        let incident = Clock::System.random_id();
        log(incident, &"unknown");
        incident
    })
}

fn log(incident: Uuid, place: &dyn Display) {
    tracing::error!(%incident, %place, "panic");
}
