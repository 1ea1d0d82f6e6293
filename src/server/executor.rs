//! Runs the calls of connections. A call that completes at once is run by the task of its
//! connection; only one that takes time gets its own task.

use std::task::{Context, Waker};

use hyper::rt::Executor;

/// Polls a future once before spawning a task for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Inline;

impl<F> Executor<F> for Inline
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let mut future = Box::pin(future);
        // The task polls it again at once, so that no wake-up is lost.
        let mut context = Context::from_waker(Waker::noop());
        if future.as_mut().poll(&mut context).is_pending() {
            tokio::spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use tokio::{sync::oneshot, task::yield_now};

    use super::*;

    #[tokio::test]
    async fn what_is_ready_is_done_at_once_and_the_rest_goes_on_by_itself() {
        let is_done = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&is_done);
        Inline.execute(async move { done.store(true, Ordering::Relaxed) });
        assert!(is_done.load(Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        Inline.execute(async move {
            yield_now().await;
            let _ = sender.send(());
        });
        receiver.await.unwrap();
    }
}
