//! The only place that reads the clock and draws random values, so that tests can hold both still.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::{NoContext, Timestamp, Uuid};

use crate::model::Micros;

/// Where the time comes from.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still, for tests.
    Fixed(Micros),
}

impl Clock {
    /// Microseconds since 1970 UTC.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn now(self) -> Micros {
        match self {
            Clock::Fixed(at) => at,
            Clock::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                i64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(i64::MAX)
            }
        }
    }

    /// A new UUID of version 7: the time, then 74 random bits.
    #[allow(clippy::disallowed_methods, reason = "this is the place")]
    pub fn new_id(self) -> Uuid {
        let now = self.now().max(0).unsigned_abs();
        let nanos = u32::try_from(now % 1_000_000).unwrap_or(0) * 1000;
        Uuid::new_v7(Timestamp::from_unix(NoContext, now / 1_000_000, nanos))
    }

    /// 32 random bytes, for a key. They are made of the random parts of UUIDs of version 4, which
    /// come from the operating system's generator.
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
