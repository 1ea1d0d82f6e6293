//! The connection of a call, as far as its calls may control it.

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

use super::{concurrency::LimitReached, shed::Credentials};

pub use admission::{Admission, ConnectionLimits, ConnectionPermit};

pub use refusals::Gathering;

use admission::Ticket;
use refusals::Refusals;

/// Controls a connection from within one of its calls. Clones refer to the same connection. The
/// default is a connection without a listener, such as an in-memory pipe.
#[derive(Clone, Debug, Default)]
pub struct ConnectionHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_cut: AtomicBool,
    /// The task that drives the connection.
    driver: AtomicWaker,
    known: OnceLock<ConnectionOwner>,
    is_in_use: AtomicBool,
    refusals: Refusals,
    /// How many of its refusals are being delayed.
    held: AtomicUsize,
    /// None if the connection is not counted.
    ticket: Option<Ticket>,
}

/// The caller that the connection belongs to.
#[derive(Debug)]
struct ConnectionOwner {
    caller: String,
    /// The credentials that authenticated it.
    credentials: Credentials,
}

/// A refusal that is being delayed, until it is dropped.
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

    /// Cuts the connection with all of its calls, without sending what is buffered. False if it was
    /// cut before.
    pub fn cut(&self) -> bool {
        let is_first = !self.0.is_cut.swap(true, Ordering::AcqRel);
        self.0.driver.wake();
        is_first
    }

    /// An id that is unique as long as a clone exists.
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Waits until the connection is cut. Only for the task that drives it.
    pub async fn until_cut(&self) {
        poll_fn(|context| {
            self.0.driver.register(context.waker());
            if self.0.is_cut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Assigns the connection to an authenticated caller. If several callers share a connection,
    /// the first one counts.
    pub fn authenticate(&self, caller: &str, credentials: Credentials) -> Result<(), LimitReached> {
        if !self.is_authenticated() {
            self.ticket().map_or(Ok(()), |ticket| ticket.authenticate(caller))?;
            self.0.known.get_or_init(|| ConnectionOwner { caller: caller.to_owned(), credentials });
        }
        Ok(())
    }

    /// The caller that the connection belongs to, if a call presents the same credentials.
    pub fn caller_by(&self, credentials: Credentials) -> Option<&str> {
        let known = self.0.known.get().filter(|known| known.credentials == credentials)?;
        Some(&known.caller)
    }

    /// Whether an authenticated caller has called over it.
    pub fn is_authenticated(&self) -> bool {
        self.0.known.get().is_some()
    }

    /// Marks the connection as used by a public call, such as a health check of a load balancer. It
    /// may then be idle, as long as no other connection needs its slot.
    pub fn set_in_use(&self) {
        self.0.is_in_use.store(true, Ordering::Relaxed);
    }

    /// Whether it may be idle.
    pub fn may_idle(&self) -> bool {
        self.is_authenticated() || self.0.is_in_use.load(Ordering::Relaxed)
    }

    /// Counts a call that was refused because of a limit or for lack of credentials.
    pub fn note_refusal(&self) {
        self.0.refusals.note();
    }

    /// Whether many calls were refused recently.
    pub fn is_refused_often(&self) -> bool {
        self.0.refusals.are_many()
    }

    /// Delays one more refusal, unless the maximum is reached.
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
