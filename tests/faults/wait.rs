//! Waiting for what others do: on a condition, with a bound.

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

/// What a wait gives, or a failure that names what did not come.
pub async fn within<T>(bound: Duration, what: &str, wait: impl Future<Output = T>) -> T {
    match timeout(bound, wait).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not within {bound:?}"),
    }
}
