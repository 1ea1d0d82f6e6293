//! The connection that a call came over, as far as its calls may steer it.

mod admission;
mod refusals;
mod unauthenticated;

use std::{
    future::poll_fn,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::Poll,
};

use futures_util::task::AtomicWaker;

use super::{places::Full, shed::Credentials};

pub use admission::{Admission, ConnectionLimits, Permit};

pub use refusals::Gathering;

use admission::Ticket;
use refusals::Refusals;

/// Steers a connection from within one of its calls. Copies are of the same connection. The default
/// is of a connection that no listener has let in, such as an in-memory pipe.
#[derive(Clone, Debug, Default)]
pub struct ConnectionHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_cut: AtomicBool,
    /// The task that drives the connection.
    driver: AtomicWaker,
    known: OnceLock<Known>,
    is_in_use: AtomicBool,
    refusals: Refusals,
    /// How many of its calls wait for their refusal.
    held: AtomicUsize,
    /// None where nobody counts the connection.
    ticket: Option<Ticket>,
}

/// Whose the connection is.
#[derive(Debug)]
struct Known {
    caller: String,
    /// What has made it known.
    credentials: Credentials,
}

/// A call that waits for its refusal, until it is dropped.
#[derive(Debug)]
pub struct HeldRefusal(ConnectionHandle);

impl Drop for HeldRefusal {
    fn drop(&mut self) {
        self.0.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionHandle {
    fn with(ticket: Ticket) -> Self {
        Self(Arc::new(Shared { ticket: Some(ticket), ..Shared::default() }))
    }

    fn ticket(&self) -> Option<&Ticket> {
        self.0.ticket.as_ref()
    }

    /// Ends the connection with all of its calls, without waiting for what was to go out. False
    /// where it was cut before.
    pub fn cut(&self) -> bool {
        let is_first = !self.0.is_cut.swap(true, Ordering::AcqRel);
        self.0.driver.wake();
        is_first
    }

    /// Tells it from all others, as long as a copy is kept.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Ends once the connection is cut. For the one task that drives it.
    pub async fn until_cut(&self) {
        poll_fn(|context| {
            self.0.driver.register(context.waker());
            if self.0.is_cut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// A known caller has called: from now on the connection has a place of that caller's. Of a
    /// connection that carries several callers the first one counts.
    pub fn authenticate(&self, caller: &str, credentials: Credentials) -> Result<(), Full> {
        if !self.is_authenticated() {
            self.ticket().map_or(Ok(()), |ticket| ticket.authenticate(caller))?;
            self.0.known.get_or_init(|| Known { caller: caller.to_owned(), credentials });
        }
        Ok(())
    }

    /// The caller whose the connection is, where a call shows what made it known.
    pub fn caller_by(&self, credentials: Credentials) -> Option<&str> {
        let known = self.0.known.get().filter(|known| known.credentials == credentials)?;
        Some(&known.caller)
    }

    /// Whether a known caller has called over it.
    pub fn is_authenticated(&self) -> bool {
        self.0.known.get().is_some()
    }

    /// Somebody has made a call that is anybody's to make, such as a load balancer that asks for
    /// health. Such a connection may be silent in between, as long as nobody else needs its place.
    pub fn set_in_use(&self) {
        self.0.is_in_use.store(true, Ordering::Relaxed);
    }

    /// Whether it may be silent.
    pub fn may_idle(&self) -> bool {
        self.is_authenticated() || self.0.is_in_use.load(Ordering::Relaxed)
    }

    /// A call was refused for want of room, or of a caller who is known.
    pub fn note_refusal(&self) {
        self.0.refusals.note();
    }

    /// Whether many were lately.
    pub fn is_refused_often(&self) -> bool {
        self.0.refusals.are_many()
    }

    /// One more call of it waits for its refusal, unless so many do.
    pub fn hold_refusal(&self, most: usize) -> Option<HeldRefusal> {
        let more = |held| (held < most).then_some(held + 1);
        let held = self.0.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        held.is_ok().then(|| HeldRefusal(self.clone()))
    }

    #[cfg(test)]
    fn is_of_one_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
