//! Panics. Each has an id that its log line and the error of the call share.

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
    /// The id of the panic that unwinds this thread, from the hook until it is caught.
    static LAST: Cell<Option<Uuid>> = const { Cell::new(None) };
}

/// Logs a panic; installed as the panic hook of the process. The message of a panic may quote
/// customer data, so only its location is logged.
pub fn note(panic: &PanicHookInfo<'_>) {
    let incident = Clock::System.random_id();
    LAST.set(Some(incident));
    match panic.location() {
        Some(place) => log(incident, place),
        None => log(incident, &"unknown"),
    }
}

/// Runs work that may panic, and returns an error if it does.
pub async fn caught<F: Future>(work: F) -> Result<F::Output, Error> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| Error::Panicked(of(&panic)))
}

/// Runs work in its own task, which continues if the caller is dropped.
pub async fn spawned<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let task = tokio::spawn(caught(work));
    task.await.map_err(|_| Error::Internal("a task was cancelled".to_owned()))??
}

/// The id of a panic that was just caught. A panic that the hook did not see is logged here.
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
