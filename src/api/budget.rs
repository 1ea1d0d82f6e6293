//! Budgets: limits on what may be held at once, in all, by each caller and by each connection.

use std::{
    collections::HashMap,
    hash::Hash,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use super::{
    caller::{Actor, LOCAL},
    connection::ConnectionHandle,
};
use crate::error::Exhausted;

/// The limits of a budget. Each can be exceeded by one reservation: a large amount is granted as
/// long as the limit is not reached, so that nothing is too large for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLimits {
    pub all: usize,
    /// For each authenticated caller.
    pub per_caller: usize,
    pub per_connection: usize,
}

impl BudgetLimits {
    pub const NONE: Self =
        Self { all: usize::MAX, per_caller: usize::MAX, per_connection: usize::MAX };
}

/// The holder of a reservation.
#[derive(Clone, Debug)]
pub struct Holder {
    /// None for calls without a token, which may be of different callers.
    caller: Option<String>,
    connection: ConnectionHandle,
}

impl Holder {
    pub fn new(actor: Option<&Actor>, connection: ConnectionHandle) -> Self {
        let caller = actor.map(Actor::caller).filter(|caller| *caller != LOCAL);
        Self { caller: caller.map(str::to_owned), connection }
    }

    pub fn connection(&self) -> &ConnectionHandle {
        &self.connection
    }
}

/// A budget of something, such as bytes. Clones share it.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: BudgetLimits,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    /// Notified when something is returned.
    freed: Notify,
    /// Exports the amount in use.
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Held {
    all: usize,
    of_callers: HashMap<String, usize>,
    of_connections: HashMap<usize, usize>,
}

/// A reservation of a budget, until it is dropped.
#[derive(Debug)]
pub struct Reservation {
    shared: Arc<Shared>,
    holder: Holder,
    amount: usize,
}

impl Budget {
    pub fn new(limits: BudgetLimits) -> Self {
        Self::measured(limits, Gauge::default())
    }

    /// A budget that exports its use.
    pub fn measured(limits: BudgetLimits, gauge: Gauge) -> Self {
        Self { limits, shared: Arc::new(Shared { gauge, ..Shared::default() }) }
    }

    /// The amount in use.
    pub fn held(&self) -> usize {
        self.shared.lock().all
    }

    /// Whether a limit is reached, so that nothing more is granted.
    pub fn check(&self, holder: &Holder) -> Result<(), Exhausted> {
        self.limits.check(&self.shared.lock(), holder)
    }

    /// Reserves an amount unless a limit is reached.
    pub fn reserve(&self, holder: &Holder, amount: usize) -> Result<Reservation, Exhausted> {
        let mut held = self.shared.lock();
        self.limits.check(&held, holder)?;
        held.add(holder, amount);
        self.shared.measure(&held);
        drop(held);
        Ok(self.reservation(holder, amount))
    }

    /// Reserves an amount that exists already and cannot be refused.
    pub fn reserve_even_beyond(&self, holder: &Holder, amount: usize) -> Reservation {
        let mut held = self.shared.lock();
        held.add(holder, amount);
        self.shared.measure(&held);
        drop(held);
        self.reservation(holder, amount)
    }

    /// Reserves an amount as soon as no limit is reached.
    pub async fn reserve_later(&self, holder: &Holder, amount: usize) -> Reservation {
        loop {
            let mut freed = pin!(self.shared.freed.notified());
            // From here on, returned amounts wake this task.
            freed.as_mut().enable();
            if let Ok(reservation) = self.reserve(holder, amount) {
                return reservation;
            }
            freed.await;
        }
    }

    fn reservation(&self, holder: &Holder, amount: usize) -> Reservation {
        Reservation { shared: Arc::clone(&self.shared), holder: holder.clone(), amount }
    }
}

impl BudgetLimits {
    fn check(&self, held: &Held, holder: &Holder) -> Result<(), Exhausted> {
        let of_caller = holder.caller.as_ref().and_then(|caller| held.of_callers.get(caller));
        let of_connection = held.of_connections.get(&holder.connection.id());
        if of_connection.copied().unwrap_or(0) >= self.per_connection {
            return Err(Exhausted::OfConnection);
        }
        if of_caller.copied().unwrap_or(0) >= self.per_caller {
            return Err(Exhausted::OfCaller);
        }
        if held.all >= self.all { Err(Exhausted::All) } else { Ok(()) }
    }
}

impl Shared {
    /// No code that runs under the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, held: &Held) {
        self.gauge.set(i64::try_from(held.all).unwrap_or(i64::MAX));
    }
}

impl Held {
    fn add(&mut self, holder: &Holder, amount: usize) {
        self.all += amount;
        *self.of_connections.entry(holder.connection.id()).or_default() += amount;
        if let Some(caller) = &holder.caller {
            match self.of_callers.get_mut(caller) {
                Some(own) => *own += amount,
                None => drop(self.of_callers.insert(caller.clone(), amount)),
            }
        }
    }

    fn take(&mut self, holder: &Holder, amount: usize) {
        self.all -= amount;
        less(&mut self.of_connections, &holder.connection.id(), amount);
        if let Some(caller) = &holder.caller {
            less(&mut self.of_callers, caller, amount);
        }
    }
}

fn less<K: Eq + Hash>(held: &mut HashMap<K, usize>, key: &K, amount: usize) {
    if let Some(own) = held.get_mut(key) {
        *own -= amount;
        if *own == 0 {
            held.remove(key);
        }
    }
}

impl Reservation {
    /// Changes the amount.
    pub fn resize(&mut self, amount: usize) {
        let mut held = self.shared.lock();
        held.add(&self.holder, amount);
        held.take(&self.holder, self.amount);
        self.shared.measure(&held);
        drop(held);
        self.amount = amount;
        self.shared.freed.notify_waiters();
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut held = self.shared.lock();
        held.take(&self.holder, self.amount);
        self.shared.measure(&held);
        drop(held);
        self.shared.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn budget() -> Budget {
        Budget::new(BudgetLimits { all: 100, per_caller: 60, per_connection: 30 })
    }

    fn holder(caller: Option<&str>) -> Holder {
        let connection = ConnectionHandle::default();
        Holder { caller: caller.map(str::to_owned), connection }
    }

    #[test]
    fn each_bound_is_exceeded_by_one_reservation_at_most() {
        let budget = budget();
        let (one, two) = (holder(Some("shop")), holder(Some("shop")));
        let first = budget.reserve(&one, 29).unwrap();
        let second = budget.reserve(&one, 20).unwrap();
        assert_eq!(budget.reserve(&one, 1).unwrap_err(), Exhausted::OfConnection);
        assert_eq!(budget.check(&one), Err(Exhausted::OfConnection));
        let third = budget.reserve(&two, 25).unwrap();
        assert_eq!(budget.reserve(&holder(Some("shop")), 1).unwrap_err(), Exhausted::OfCaller);
        // Calls without a token have no share, and each connection is another caller's.
        let locals: Vec<_> = [20, 20].map(|n| budget.reserve(&holder(None), n).unwrap()).into();
        assert_eq!(budget.reserve(&holder(Some("desk")), 1).unwrap_err(), Exhausted::All);
        assert_eq!(budget.held(), 114);
        let beyond = budget.reserve_even_beyond(&one, 1000);
        assert_eq!(budget.held(), 1114);
        drop((first, second, third, locals, beyond));
        assert_eq!(budget.held(), 0);
        let held = budget.shared.lock();
        assert!(held.of_callers.is_empty() && held.of_connections.is_empty());
    }

    #[tokio::test]
    async fn whoever_waits_goes_on_when_something_is_given_back() {
        let budget = budget();
        let one = holder(None);
        let mut first = budget.reserve(&one, 30).unwrap();
        let mut waiting = Box::pin(budget.reserve_later(&one, 5));
        assert!(waiting.as_mut().now_or_never().is_none());
        first.resize(29);
        let second = waiting.await;
        assert_eq!(budget.held(), 34);
        drop((first, second));
        assert_eq!(budget.held(), 0);
    }
}
