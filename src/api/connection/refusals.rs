//! How often calls of a connection are refused. One of which many are is read in batches: what
//! comes is left to gather for a moment and is then refused all at once, which takes a fraction of
//! the time that it takes to wake up, read and write for each call by itself.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long calls gather on such a connection.
pub const GATHERING: Duration = Duration::from_millis(200);
/// So many refusals at once are nothing: a caller of good will meets as many at a peak.
const TOLERATED: u64 = 32;
/// In so long one refusal is forgotten.
const FORGOTTEN_EACH: Duration = Duration::from_millis(100);
/// After so long without a refusal a connection is read as all others are, however many there were.
const MEMORY: Duration = Duration::from_secs(1);

/// The refusals of one connection: when the last of them will be forgotten, in nanoseconds since
/// the first use of it in this process.
#[derive(Debug, Default)]
pub(super) struct Refusals(AtomicU64);

impl Refusals {
    /// Notes one. Of two at the same time one may count alone.
    pub(super) fn note(&self) {
        let (now, each) = (now(), nanos(FORGOTTEN_EACH));
        let owed = self.0.load(Ordering::Relaxed).saturating_sub(now) + each;
        let most = TOLERATED * each + nanos(MEMORY);
        self.0.store(now + owed.min(most), Ordering::Relaxed);
    }

    /// Whether there were more lately than are nothing.
    pub(super) fn are_many(&self) -> bool {
        let forgotten = self.0.load(Ordering::Relaxed);
        forgotten > 0 && forgotten.saturating_sub(now()) > TOLERATED * nanos(FORGOTTEN_EACH)
    }
}

fn now() -> u64 {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    nanos(Instant::now().saturating_duration_since(*BEGUN))
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peak_is_nothing_and_a_flood_is_forgotten_soon() {
        let refusals = Refusals::default();
        assert!(!refusals.are_many());
        for _ in 0..TOLERATED {
            refusals.note();
        }
        assert!(!refusals.are_many());
        refusals.note();
        assert!(refusals.are_many());
        for _ in 0..1_000_000 {
            refusals.note();
        }
        advance(MEMORY - Duration::from_millis(1)).await;
        assert!(refusals.are_many());
        advance(Duration::from_millis(1)).await;
        assert!(!refusals.are_many());
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_as_are_forgotten_meanwhile_are_never_many() {
        let refusals = Refusals::default();
        for _ in 0..1000 {
            refusals.note();
            assert!(!refusals.are_many());
            advance(FORGOTTEN_EACH).await;
        }
    }
}
