//! The only place that reads the clock and generates random values, so that tests can fix both.

pub mod skew;

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use uuid::{Builder, NoContext, Timestamp, Uuid};

use crate::model::Micros;
use skew::Reading;

/// The source of the time.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still, for tests.
    Fixed(Micros),
    /// A clock that a test or the demo sets.
    Moved(&'static MovedClock),
}

/// A time that is set by hand. Generated ids are the same in every run, so that results that depend
/// on their order are reproducible.
#[derive(Debug, Default)]
pub struct MovedClock {
    now: AtomicI64,
    ids: AtomicU64,
    run: AtomicU64,
}

impl MovedClock {
    /// Starts at a time. Two runs with one seed get different ids in the same order.
    pub fn begin(&self, now: Micros, seed: u64, run: u32) {
        self.now.store(now, Ordering::SeqCst);
        self.ids.store(seed, Ordering::SeqCst);
        self.run.store(run.into(), Ordering::SeqCst);
    }

    /// Moves it forward.
    pub fn forward(&self, by: Micros) {
        self.now.fetch_add(by, Ordering::SeqCst);
    }

    fn new_id(&self) -> Uuid {
        // SplitMix64.
        let mut mixed = self.ids.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let run = self.run.load(Ordering::SeqCst).to_be_bytes();
        let mut bytes = [0; 10];
        bytes[..6].copy_from_slice(&mixed.to_be_bytes()[..6]);
        bytes[6..].copy_from_slice(&run[4..]);
        let millis = self.now.load(Ordering::SeqCst).max(0).unsigned_abs() / 1000;
        Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
    }
}

impl Clock {
    /// Microseconds since 1970 UTC.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn now(self) -> Micros {
        match self {
            Clock::Fixed(at) => at,
            Clock::Moved(clock) => clock.now.load(Ordering::SeqCst),
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
            }
        }
    }

    /// A reading of the wall clock beside a monotonic clock. None for a clock that a test sets.
    pub fn reading(self) -> Option<Reading> {
        let is_system = matches!(self, Clock::System);
        is_system.then(|| Reading { wall: self.now(), steady: Instant::now() })
    }

    /// A new UUID of version 7: the time, then 74 random bits.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn new_id(self) -> Uuid {
        if let Clock::Moved(clock) = self {
            return clock.new_id();
        }
        let now = self.now().max(0).unsigned_abs();
        let nanos = u32::try_from(now % 1_000_000).unwrap_or(0) * 1000;
        Uuid::new_v7(Timestamp::from_unix(NoContext, now / 1_000_000, nanos))
    }

    /// A UUID that reveals nothing, not even a time.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn random_id(self) -> Uuid {
        Uuid::new_v4()
    }

    /// 32 random bytes for a key, taken from the random parts of UUIDs of version 4, which come
    /// from the generator of the operating system.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn new_key(self) -> [u8; 32] {
        use sha2::{Digest as _, Sha256};
        let mut hash = Sha256::new();
        for _ in 0..4 {
            hash.update(Uuid::new_v4().as_bytes());
        }
        hash.finalize().into()
    }
}
