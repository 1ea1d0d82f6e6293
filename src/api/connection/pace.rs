//! How fast connections are read. A connection whose calls are refused again and again is read more
//! slowly, so that what there is no room for waits on its caller's side: refusing takes time too.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread::available_parallelism,
    time::Duration,
};

use tokio::time::Instant;

/// How many refusals a second there may be for each core, until whoever causes them has to wait:
/// about a fifth of its time.
const REFUSALS_PER_CORE: u64 = 15_000;
/// The cost of a refusal that was prepared.
pub const PREPARED: u32 = 1;
/// The cost of a refusal once the call was looked at.
pub const LOOKED_AT: u32 = 5;
/// A connection is forgiven one refusal in so long, and this many at once: a caller of good will
/// meets as many at a peak.
const FORGIVEN_EACH: Duration = Duration::from_millis(100);
const FORGIVEN: u32 = 32;
/// How long a connection is read slowly after its last refusal.
const SLOW: Duration = Duration::from_secs(1);
/// How long a connection is not read at most.
const MAX_PAUSE: Duration = Duration::from_secs(2);

/// The refusals of a server.
#[derive(Debug)]
pub(super) struct Pace {
    begun: Instant,
    /// What a refusal takes of the time that there is for them, in nanoseconds.
    each: u64,
    /// When there is time for the next refusal: in nanoseconds since it was begun.
    next: AtomicU64,
}

/// The refusals of a connection: when they will be forgiven, and when it may be read again. In
/// nanoseconds since the pace was begun.
#[derive(Debug, Default)]
pub(super) struct Debt {
    forgiven: AtomicU64,
    resume: AtomicU64,
}

/// How a connection is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Freely,
    /// Little at a time.
    Slowly,
    NotBefore(Instant),
}

impl Pace {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, |cores| cores.get());
        Self::of(REFUSALS_PER_CORE * u64::try_from(cores).unwrap_or(1))
    }

    fn of(per_second: u64) -> Self {
        let each = nanos(Duration::from_secs(1)) / per_second;
        Self { begun: Instant::now(), each, next: AtomicU64::new(0) }
    }

    /// Notes that a call of a connection was refused. Where it has many refusals it waits its turn
    /// among all those that have.
    pub(super) fn refused(&self, debt: &Debt, cost: u32) {
        let now = self.now();
        let turn = self.next.load(Ordering::Relaxed).clamp(now, now + nanos(MAX_PAUSE));
        // Of two at the same time one may count alone.
        self.next.store(turn + self.each * u64::from(cost), Ordering::Relaxed);
        let free = nanos(FORGIVEN_EACH * FORGIVEN);
        let owed = debt.forgiven.load(Ordering::Relaxed).saturating_sub(now);
        let owed = (owed + nanos(FORGIVEN_EACH * cost)).min(free + nanos(SLOW));
        debt.forgiven.store(now + owed, Ordering::Relaxed);
        if owed > free {
            debt.resume.store(turn, Ordering::Relaxed);
        }
    }

    /// How a connection is to be read now.
    pub(super) fn reading(&self, debt: &Debt) -> Reading {
        let forgiven = debt.forgiven.load(Ordering::Relaxed);
        if forgiven == 0 {
            return Reading::Freely;
        }
        let now = self.now();
        let resume = debt.resume.load(Ordering::Relaxed);
        if now < resume {
            Reading::NotBefore(self.begun + Duration::from_nanos(resume))
        } else if now + nanos(FORGIVEN_EACH * FORGIVEN) < forgiven {
            Reading::Slowly
        } else {
            Reading::Freely
        }
    }

    fn now(&self) -> u64 {
        nanos(Instant::now().saturating_duration_since(self.begun))
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// How many calls come each millisecond over a connection, if it is read.
    const CALLS: usize = 5;

    /// Asks more than there is room for, for some seconds; how many calls of each connection were
    /// refused.
    async fn flood(pace: &Pace, debts: &[Debt], seconds: usize) -> Vec<usize> {
        let mut refused = vec![0; debts.len()];
        for _ in 0..seconds * 1000 {
            for (debt, refused) in debts.iter().zip(&mut refused) {
                if !is_paused(pace, debt) {
                    (0..CALLS).for_each(|_| pace.refused(debt, PREPARED));
                    *refused += CALLS;
                }
            }
            advance(Duration::from_millis(1)).await;
        }
        refused
    }

    fn is_paused(pace: &Pace, debt: &Debt) -> bool {
        matches!(pace.reading(debt), Reading::NotBefore(_))
    }

    fn debts(count: usize) -> Vec<Debt> {
        (0..count).map(|_| Debt::default()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_refused_at_the_pace_and_all_of_it_alike() {
        for connections in [1, 20, 500] {
            let (pace, debts) = (Pace::of(1000), debts(connections));
            flood(&pace, &debts, 3).await;
            let refused = flood(&pace, &debts, 10).await;
            let sum: usize = refused.iter().sum();
            assert!((9_000..=11_000).contains(&sum), "{sum} of {connections}");
            let (least, most) = (refused.iter().min().unwrap(), refused.iter().max().unwrap());
            assert!(most - least <= 2 * CALLS, "{refused:?}");
        }
    }

    /// Also the control of the test above: without the pace all would be read.
    #[tokio::test(start_paused = true)]
    async fn as_many_refusals_as_there_may_be_slow_nobody_down() {
        let (pace, debts) = (Pace::of(1_000_000), debts(20));
        assert_eq!(flood(&pace, &debts, 3).await, vec![3 * 1000 * CALLS; 20]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_few_refusals_is_not_slowed_down_by_others() {
        let (pace, debts, good) = (Pace::of(1000), debts(20), Debt::default());
        for _ in 0..10 {
            flood(&pace, &debts, 1).await;
            pace.refused(&good, PREPARED);
            assert_eq!(pace.reading(&good), Reading::Freely);
            assert_eq!(pace.reading(&Debt::default()), Reading::Freely);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_recovers_once_it_is_refused_no_more() {
        let (pace, debts) = (Pace::of(100), debts(200));
        flood(&pace, &debts, 10).await;
        assert!(debts.iter().all(|debt| is_paused(&pace, debt)));
        advance(MAX_PAUSE).await;
        assert!(debts.iter().all(|debt| pace.reading(debt) == Reading::Freely));
    }
}
