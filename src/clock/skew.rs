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

/// A clock that differs by more is off, in microseconds: five minutes. Callers' clocks may be ahead
/// by an hour, so that one that differs by less refuses nobody who is right.
pub const TOLERANCE: Micros = 300_000_000;

/// This machine's clock beside one that nobody can set. Where they part, the clock was set.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub wall: Micros,
    pub steady: Instant,
}

impl Reading {
    /// How far the clock was set since an earlier reading. Negative: back.
    fn set_since(self, before: Self) -> Micros {
        let passed = self.steady.saturating_duration_since(before.steady).as_micros();
        let passed = Micros::try_from(passed).unwrap_or(Micros::MAX);
        self.wall.saturating_sub(before.wall).saturating_sub(passed)
    }
}

/// What is known of this machine's clock. Copies share it.
#[derive(Clone, Debug, Default)]
pub struct ClockSkew(Arc<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How far the clock is behind. Negative: ahead.
    behind: AtomicI64,
    /// When that was found out.
    compared: RwLock<Option<Reading>>,
    /// How often a call named a time that has not come, since somebody asked last.
    early: AtomicU64,
    /// Held while the clock is compared: a comparison that began before another one is over first.
    comparing: Mutex<()>,
}

impl ClockSkew {
    /// The turn of a comparison, until it is dropped.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.comparing.lock().await
    }

    /// How far the clock is behind, in microseconds. Negative: ahead. 0 where nothing is known.
    pub fn behind(&self) -> Micros {
        self.0.behind.load(Ordering::Relaxed)
    }

    /// Whether what the clock says of a time is not to be trusted: it is off, or was set since it
    /// was compared, so that nothing is known. None: a clock of tests, which is set by them.
    pub fn is_off(&self, now: Option<Reading>) -> bool {
        let compared = *self.0.compared.read().unwrap_or_else(PoisonError::into_inner);
        let set = now.zip(compared).map_or(0, |(now, before)| now.set_since(before));
        self.behind().abs() > TOLERANCE || set.abs() > TOLERANCE
    }

    /// Takes over what was found by a comparison that began then, and gives what was known before.
    pub fn set(&self, behind: Micros, compared: Option<Reading>) -> Micros {
        *self.0.compared.write().unwrap_or_else(PoisonError::into_inner) = compared;
        self.0.behind.swap(behind, Ordering::Relaxed)
    }

    /// Notes that a call named a time that has not come.
    pub fn note_early(&self) {
        self.0.early.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was noted since the last time.
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
