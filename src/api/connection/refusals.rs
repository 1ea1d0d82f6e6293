//! How often calls of a connection are refused. One of which many are is read in batches: what
//! comes is left to gather for a moment and is then refused all at once, which takes a fraction of
//! the time that it takes to wake up, read and write for each call by itself.

use std::{
    ops::RangeInclusive,
    sync::{
        LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long calls gather on such a connection, at least and at most.
const GATHERING: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(1);
/// What each connection that gathers adds for all of them: however many callers flood a server,
/// what they can have refused a second stays about the same.
const GATHERING_EACH: Duration = Duration::from_millis(2);
/// So many refusals at once are nothing: a caller of good will meets as many at a peak.
const TOLERATED: u64 = 32;
/// In so long one refusal is forgotten.
const FORGOTTEN_EACH: Duration = Duration::from_millis(100);
/// After so long without a refusal a connection is read as all others are, however many there were.
const MEMORY: Duration = Duration::from_secs(1);

/// How many connections of this process gather calls.
static GATHERING_NOW: AtomicUsize = AtomicUsize::new(0);

/// A pause in which calls gather on a connection that is not read.
#[derive(Debug)]
pub struct Gathering(());

impl Gathering {
    pub fn begin() -> Self {
        GATHERING_NOW.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// How long a pause is that begins now.
    pub fn time() -> Duration {
        gathering_time(GATHERING_NOW.load(Ordering::Relaxed))
    }
}

fn gathering_time(connections: usize) -> Duration {
    let connections = u32::try_from(connections).unwrap_or(u32::MAX);
    GATHERING_EACH.saturating_mul(connections).clamp(*GATHERING.start(), *GATHERING.end())
}

impl Drop for Gathering {
    fn drop(&mut self) {
        GATHERING_NOW.fetch_sub(1, Ordering::Relaxed);
    }
}

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

    #[test]
    fn the_more_connections_gather_the_longer_each_does() {
        for (connections, millis) in [(0, 200), (100, 200), (300, 600), (500, 1000), (9000, 1000)] {
            assert_eq!(gathering_time(connections), Duration::from_millis(millis));
        }
    }

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
