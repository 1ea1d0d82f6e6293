//! Rate of refused calls per connection. A connection with many refusals is read in batches: calls
//! gather for a moment and are then refused all at once, which takes a fraction of the time of
//! waking up, reading and writing for each call.

use std::{
    ops::RangeInclusive,
    sync::{
        LazyLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// The shortest and the longest time in which calls gather on such a connection.
const GATHERING: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_secs(1);
/// What each gathering connection adds to the time of all of them: however many callers flood a
/// server, the rate of refusals stays about the same.
const GATHERING_EACH: Duration = Duration::from_millis(2);
/// This many refusals at once are tolerated: a well-behaved caller gets as many at a peak.
const TOLERATED: u64 = 32;
/// The time in which one refusal is forgotten.
const FORGOTTEN_EACH: Duration = Duration::from_millis(100);
/// After this time without a refusal a connection is read normally again, however many there were.
const MEMORY: Duration = Duration::from_secs(1);

/// The number of connections of this process on which calls gather.
static GATHERING_NOW: AtomicUsize = AtomicUsize::new(0);

/// A pause in which calls gather on a connection that is not read.
#[derive(Debug)]
pub struct Gathering(());

impl Gathering {
    pub fn begin() -> Self {
        GATHERING_NOW.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// The duration of a pause that begins now.
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

/// The refusals of a connection: when the last of them will be forgotten, in nanoseconds since the
/// first use in this process.
#[derive(Debug, Default)]
pub(super) struct Refusals(AtomicU64);

impl Refusals {
    /// Counts a refusal. Concurrent refusals may be counted as one.
    pub(super) fn note(&self) {
        let (now, each) = (now(), nanos(FORGOTTEN_EACH));
        let owed = self.0.load(Ordering::Relaxed).saturating_sub(now) + each;
        let most = TOLERATED * each + nanos(MEMORY);
        self.0.store(now + owed.min(most), Ordering::Relaxed);
    }

    /// Whether there were more recently than are tolerated.
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
