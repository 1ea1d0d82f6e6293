//! Logs calls that fail because the database is unavailable: the first one at once, then their
//! number every ten seconds, and the end. A line for each would fill the disk, and a full disk may
//! be the cause.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, time::sleep};

const EVERY: Duration = Duration::from_secs(10);
/// How many causes are counted separately.
const CAUSES: usize = 8;
const OTHERS: &str = "others";

static UNLOGGED: Mutex<Unlogged> =
    Mutex::new(Unlogged { is_counting: false, causes: BTreeMap::new(), failed: 0 });

/// Records a failed call and its cause.
pub fn note(cause: &str) {
    // Without a runtime no task could log the counts.
    let Ok(runtime) = Handle::try_current() else { return log(cause) };
    if unlogged().count(cause) {
        return;
    }
    log(cause);
    runtime.spawn(async {
        loop {
            sleep(EVERY).await;
            let causes = match unlogged().take() {
                Counted::Calls(causes) => causes,
                Counted::Over { failed } => {
                    let seconds = EVERY.as_secs();
                    tracing::info!(failed, seconds, "calls no longer fail because of the store");
                    return;
                }
            };
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

/// Failures that are not logged one by one.
#[derive(Debug, Default)]
struct Unlogged {
    /// Whether a line was written recently.
    is_counting: bool,
    causes: BTreeMap<String, u64>,
    /// All calls since the first.
    failed: u64,
}

/// What to log.
#[derive(Debug, PartialEq, Eq)]
enum Counted {
    Calls(BTreeMap<String, u64>),
    /// There are none any more: the next failure is a first one.
    Over {
        failed: u64,
    },
}

impl Unlogged {
    /// Counts a call; true if it is the first, which has to be logged.
    fn count(&mut self, cause: &str) -> bool {
        self.failed += 1;
        if !self.is_counting {
            self.is_counting = true;
            return false;
        }
        let is_known = self.causes.contains_key(cause) || self.causes.len() < CAUSES;
        let cause = if is_known { cause } else { OTHERS };
        *self.causes.entry(cause.to_owned()).or_default() += 1;
        true
    }

    fn take(&mut self) -> Counted {
        if self.causes.is_empty() {
            return Counted::Over { failed: std::mem::take(self).failed };
        }
        Counted::Calls(std::mem::take(&mut self.causes))
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
        assert_eq!(unlogged.take(), Counted::Calls(counted));
        assert!(unlogged.count("a"), "it goes on");
        assert!(matches!(unlogged.take(), Counted::Calls(_)));
        assert_eq!(unlogged.take(), Counted::Over { failed: 5 });
        assert!(!unlogged.count("a"), "it is over, and begins anew");
    }

    #[test]
    fn causes_without_end_take_little_room() {
        let mut unlogged = Unlogged::default();
        for cause in 0..100 {
            unlogged.count(&cause.to_string());
        }
        let Counted::Calls(causes) = unlogged.take() else { panic!("it is over") };
        assert_eq!(causes.len(), CAUSES + 1);
        assert_eq!(causes.values().sum::<u64>(), 99);
    }
}
