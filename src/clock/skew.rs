//! How far this machine's clock is known to be off.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::sync::{Mutex, MutexGuard};

use crate::model::Micros;

/// The largest tolerated difference, in microseconds: five minutes. Times may be up to an hour
/// ahead, so a clock within this tolerance refuses no valid call.
pub const TOLERANCE: Micros = 300_000_000;

/// A reading of the wall clock beside a monotonic clock. If the two diverge, the wall clock was
/// set.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub wall: Micros,
    pub steady: Instant,
}

impl Reading {
    /// By how much the clock was set since an earlier reading. Negative: back.
    fn set_since(self, before: Self) -> Micros {
        let passed = self.steady.saturating_duration_since(before.steady).as_micros();
        let passed = Micros::try_from(passed).unwrap_or(Micros::MAX);
        self.wall.saturating_sub(before.wall).saturating_sub(passed)
    }
}

/// The known skew of this machine's clock. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ClockSkew(Arc<SkewState>);

#[derive(Debug, Default)]
struct SkewState {
    /// How far the clock is behind. Negative: ahead.
    behind: AtomicI64,
    /// The reading at the last comparison.
    compared: RwLock<Option<Reading>>,
    /// How many calls named a future time since the count was last taken.
    early: AtomicU64,
    /// Held during a comparison, so that comparisons do not overlap.
    comparing: Mutex<()>,
}

impl ClockSkew {
    /// Waits for the turn to compare; the turn ends when the guard is dropped.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.comparing.lock().await
    }

    /// How far the clock is behind, in microseconds. Negative: ahead. 0 if unknown.
    pub fn behind(&self) -> Micros {
        self.0.behind.load(Ordering::Relaxed)
    }

    /// Whether the clock cannot be trusted: it is off, or it was set since the last comparison.
    /// `now` is None for a clock that a test sets.
    pub fn is_off(&self, now: Option<Reading>) -> bool {
        let compared = *self.0.compared.read().unwrap_or_else(PoisonError::into_inner);
        let set = now.zip(compared).map_or(0, |(now, before)| now.set_since(before));
        self.behind().abs() > TOLERANCE || set.abs() > TOLERANCE
    }

    /// Stores the result of a comparison and returns the previous one.
    pub fn set(&self, behind: Micros, compared: Option<Reading>) -> Micros {
        *self.0.compared.write().unwrap_or_else(PoisonError::into_inner) = compared;
        self.0.behind.swap(behind, Ordering::Relaxed)
    }

    /// Counts a call that named a future time.
    pub fn note_early(&self) {
        self.0.early.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the count of such calls.
    pub fn take_early(&self) -> u64 {
        self.0.early.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{ClockSkew, Reading, TOLERANCE};

    #[test]
    fn a_clock_that_was_set_is_off_until_it_is_compared_again() {
        let (skew, steady) = (ClockSkew::default(), Instant::now());
        let at = |wall, seconds| Reading { wall, steady: steady + Duration::from_secs(seconds) };
        assert!(!skew.is_off(Some(at(0, 0))), "it was never compared");
        skew.set(0, Some(at(0, 0)));
        assert!(!skew.is_off(Some(at(9_000_000, 9))));
        assert!(!skew.is_off(Some(at(9_000_000 + TOLERANCE, 9))));
        assert!(skew.is_off(Some(at(9_000_001 + TOLERANCE, 9))), "it was set forward");
        assert!(skew.is_off(Some(at(8_999_999 - TOLERANCE, 9))), "it was set back");
        assert!(!skew.is_off(None), "a clock of tests");
        skew.set(0, Some(at(9_000_001 + TOLERANCE, 9)));
        assert!(!skew.is_off(Some(at(10_000_001 + TOLERANCE, 10))), "it is right as it is now");
        skew.set(TOLERANCE + 1, Some(at(0, 11)));
        assert!(skew.is_off(Some(at(0, 11))), "it is known to be behind");
    }
}
