//! The connection that a call came over, as far as its calls may steer it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::AtomicWaker;

/// Cuts a connection from within one of its calls. Copies are of the same connection. The default
/// is of a connection that nobody listens to, such as an in-memory pipe.
#[derive(Clone, Debug, Default)]
pub struct ConnectionHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_cut: AtomicBool,
    /// The task that drives the connection.
    driver: AtomicWaker,
}

impl ConnectionHandle {
    /// Ends the connection with all of its calls, without waiting for what was to go out.
    pub fn cut(&self) {
        self.0.is_cut.store(true, Ordering::Release);
        self.0.driver.wake();
    }

    /// Ready once the connection is cut. For the one task that drives it.
    pub fn poll_cut(&self, context: &Context<'_>) -> Poll<()> {
        self.0.driver.register(context.waker());
        if self.0.is_cut.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }
}
