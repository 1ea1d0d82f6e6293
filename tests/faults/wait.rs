//! Waiting for a condition, with a time limit.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

const EVERY: Duration = Duration::from_millis(10);

/// Waits until a condition holds.
pub async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        if holds().await {
            return;
        }
    }
}

/// The result of a wait, or a failure that says what did not happen.
pub async fn within<T>(bound: Duration, what: &str, wait: impl Future<Output = T>) -> T {
    match timeout(bound, wait).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {bound:?}"),
    }
}
