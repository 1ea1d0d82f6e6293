//! Checks whether this machine's clock can be trusted. PostgreSQL has its own clock to compare
//! with. For SQLite there is only the newest time that was written: a clock that is behind it has
//! gone back, or was ahead then.

use std::{sync::atomic::Ordering, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

use super::ready;
use crate::{
    clock::skew::TOLERANCE,
    error::Error,
    model::Micros,
    store::{
        Store,
        audit::NEWEST_SEAL,
        sql::db::{Db, on, on_db},
    },
};

pub const NOW: &str = "select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)";

/// How often the clock is compared.
const EVERY: Duration = Duration::from_secs(10);
/// Calls with future times are logged once in so many comparisons.
const TELL_EARLY: u64 = 6;

impl Store {
    /// Compares the clock periodically. Never returns.
    pub async fn keep_clock_checked(self) {
        let mut every = interval(EVERY);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for round in 0_u64.. {
            every.tick().await;
            // While the database does not answer, the last known skew stays.
            if let Err(error) = self.check_clock().await {
                tracing::debug!(cause = error.cause(), "cannot compare the clock");
            }
            if (round + 1).is_multiple_of(TELL_EARLY) {
                self.log_early();
            }
        }
    }

    /// Compares the clock with that of the database, or with the newest time in it.
    pub async fn check_clock(&self) -> Result<(), Error> {
        let _turn = self.skew.turn().await;
        let began = self.clock.reading();
        let behind = match &self.db {
            Db::Postgres(pool) => {
                let before = self.clock.now();
                let query = sqlx::query_scalar(NOW);
                let there: Micros = on!(pool.acquire().await?, |c| query.fetch_one(c).await?);
                // The other clock was read at some moment between the two; the most favourable one
                // is assumed.
                (there - self.clock.now()).max(0) + (there - before).min(0)
            }
            Db::Sqlite { .. } => self.newest_time().await?.saturating_sub(self.clock.now()).max(0),
        };
        self.log_skew(self.skew.set(behind, began), behind);
        Ok(())
    }

    /// Warns at the start about future times in the database.
    pub async fn warn_of_future(&self) -> Result<(), Error> {
        let ahead = self.newest_time().await?.saturating_sub(self.clock.now());
        if ahead > TOLERANCE {
            tracing::warn!(
                seconds = seconds(ahead),
                "the newest time in the database is in the future: this machine's clock is \
                 behind, or another one was ahead"
            );
        }
        Ok(())
    }

    /// The newest time known to have been written.
    async fn newest_time(&self) -> Result<Micros, Error> {
        let beat: Option<Micros> =
            on_db!(&self.db, |c| sqlx::query_scalar(ready::READ).fetch_optional(c).await?);
        let seal: Option<Micros> =
            on_db!(&self.audit, |c| sqlx::query_scalar(NEWEST_SEAL).fetch_one(c).await?);
        let found = beat.max(seal).unwrap_or(Micros::MIN);
        Ok(self.newest.fetch_max(found, Ordering::Relaxed).max(found))
    }

    /// Logs when the clock becomes wrong, and when it is right again.
    fn log_skew(&self, before: Micros, behind: Micros) {
        let (was_off, is_off) = (before.abs() > TOLERANCE, behind.abs() > TOLERANCE);
        let way = if behind > 0 { "behind" } else { "ahead" };
        match (was_off, is_off) {
            (false, true) => tracing::error!(
                seconds = seconds(behind.abs()),
                "the clock of this machine is {way}: until it is set right, calls that break a \
                 rule about time are answered UNAVAILABLE"
            ),
            (true, false) => tracing::info!("the clock of this machine is right again"),
            _ => {}
        }
    }

    /// Logs that calls had future times although the clock seems right.
    #[doc(hidden)]
    pub fn log_early(&self) {
        let calls = self.skew.take_early();
        if calls > 0 && !self.skew.is_off(self.clock.reading()) {
            tracing::warn!(
                times = calls,
                "calls named times that are more than an hour ahead of the clock of this machine: \
                 is it right?"
            );
        }
    }
}

fn seconds(micros: Micros) -> i64 {
    micros / 1_000_000
}
