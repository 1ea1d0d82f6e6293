//! Calls that fail for want of the database, in the log: the first at once, and then how many there
//! were every ten seconds. A line for each would fill the disk, which may be what is full.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

const EVERY: Duration = Duration::from_secs(10);
/// So many causes are counted each by itself.
const CAUSES: usize = 8;
const OTHERS: &str = "others";

static UNLOGGED: Mutex<Unlogged> =
    Mutex::new(Unlogged { is_counting: false, causes: BTreeMap::new() });

/// Notes a call that failed, and why.
pub fn note(cause: &str) {
    // Without a runtime nobody would log what is counted.
    let Ok(runtime) = Handle::try_current() else { return log(cause) };
    if unlogged().count(cause) {
        return;
    }
    log(cause);
    runtime.spawn(async {
        loop {
            sleep(EVERY).await;
            let Some(causes) = unlogged().take() else { return };
            let causes: Vec<_> =
                causes.iter().map(|(cause, calls)| format!("{calls} calls: {cause}")).collect();
            tracing::warn!(causes = causes.join("; "), "the store did not answer");
        }
    });
}

fn log(cause: &str) {
    tracing::warn!(%cause, "the store does not answer");
}

fn unlogged() -> MutexGuard<'static, Unlogged> {
    UNLOGGED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was not logged call by call.
#[derive(Debug, Default)]
struct Unlogged {
    /// Whether a line was written lately.
    is_counting: bool,
    causes: BTreeMap<String, u64>,
}

impl Unlogged {
    /// Counts a call, unless it is the first, which is to be logged.
    fn count(&mut self, cause: &str) -> bool {
        if !self.is_counting {
            self.is_counting = true;
            return false;
        }
        let is_known = self.causes.contains_key(cause) || self.causes.len() < CAUSES;
        let cause = if is_known { cause } else { OTHERS };
        *self.causes.entry(cause.to_owned()).or_default() += 1;
        true
    }

    /// What was counted. Nothing: the next call is the first again.
    fn take(&mut self) -> Option<BTreeMap<String, u64>> {
        if self.causes.is_empty() {
            self.is_counting = false;
            return None;
        }
        Some(std::mem::take(&mut self.causes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_call_is_logged_and_the_rest_are_counted() {
        let mut unlogged = Unlogged::default();
        assert!(!unlogged.count("a"));
        for cause in ["a", "b", "a"] {
            assert!(unlogged.count(cause));
        }
        let counted = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
        assert_eq!(unlogged.take(), Some(counted));
        assert!(unlogged.count("a"), "it goes on");
        assert!(unlogged.take().is_some());
        assert_eq!(unlogged.take(), None);
        assert!(!unlogged.count("a"), "it is over, and begins anew");
    }

    #[test]
    fn causes_without_end_take_little_room() {
        let mut unlogged = Unlogged::default();
        for cause in 0..100 {
            unlogged.count(&cause.to_string());
        }
        let causes = unlogged.take().unwrap_or_default();
        assert_eq!(causes.len(), CAUSES + 1);
        assert_eq!(causes.values().sum::<u64>(), 99);
    }
}
