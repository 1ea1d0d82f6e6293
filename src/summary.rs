//! Summaries of frequent events: they are counted, and logged once a second at most. A line for
//! each would fill the disk when the server is busiest.

use std::{array, time::Duration};

use tokio::time::{MissedTickBehavior, interval};

const EVERY: Duration = Duration::from_secs(1);

/// Reads totals once a second, and logs by how much each has grown. Never returns.
pub async fn of_growth<const N: usize>(totals: impl Fn() -> [u64; N], log: impl Fn([u64; N])) {
    let mut logged = totals();
    let mut every = interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let totals = totals();
        if totals != logged {
            log(array::from_fn(|index| totals[index].saturating_sub(logged[index])));
            logged = totals;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn growth_is_logged_once_a_second_and_rest_is_not() {
        let (totals, lines) = (Cell::new([5, 0]), RefCell::new(Vec::new()));
        let summary = of_growth(|| totals.get(), |growth| lines.borrow_mut().push(growth));
        let mut summary = std::pin::pin!(summary);
        let mut wait = async |seconds| {
            let time = Duration::from_secs(seconds) + Duration::from_millis(1);
            assert!(timeout(time, &mut summary).await.is_err());
        };
        wait(3).await;
        assert_eq!(lines.take(), [] as [[u64; 2]; 0], "what was there before is not new");
        for grown in [[6, 0], [7, 0], [7, 9]] {
            totals.set(grown);
        }
        wait(3).await;
        assert_eq!(lines.take(), [[2, 9]]);
        totals.set([8, 9]);
        wait(1).await;
        totals.set([9, 9]);
        wait(1).await;
        assert_eq!(lines.take(), [[1, 0], [1, 0]]);
    }
}
