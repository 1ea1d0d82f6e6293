//! Limits on concurrent calls, by kind of work and by caller.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::caller::{Actor, LOCAL};
use crate::pb::Work;

/// Limits how many calls are under way. Clones share the limit.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimiter {
    max: usize,
    max_per_caller: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Permits held by writes and bulk calls.
    changing: usize,
    bulk: usize,
    /// Permits by the name of the caller; callers without any are absent.
    of_callers: HashMap<String, usize>,
}

/// The limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitReached {
    /// The limit for calls of this kind of work.
    Shared,
    /// The limit for the caller.
    OfCaller,
}

/// A permit for a call, until it is dropped.
#[derive(Debug)]
pub struct Permit {
    taken: Arc<Mutex<Taken>>,
    work: Work,
    caller: Option<String>,
}

impl ConcurrencyLimiter {
    /// Limits for all calls, and for each authenticated caller. Calls without a token may be of
    /// different callers, and may use all permits.
    pub fn new(max: usize, max_per_caller: usize) -> Self {
        Self { max, max_per_caller, taken: Arc::default() }
    }

    /// A permit for a call of an actor, or of an unauthenticated caller.
    pub fn take(&self, work: Work, actor: Option<&Actor>) -> Result<Permit, LimitReached> {
        let caller = actor.map(Actor::caller).filter(|caller| *caller != LOCAL);
        let mut taken = lock(&self.taken);
        if let Some(full) = self.which_are_full(&taken, work, caller) {
            return Err(full);
        }
        taken.all += 1;
        taken.changing += usize::from(is_changing(work));
        taken.bulk += usize::from(is_bulk(work));
        if let Some(caller) = caller {
            *taken.of_callers.entry(caller.to_owned()).or_default() += 1;
        }
        drop(taken);
        Ok(Permit { taken: Arc::clone(&self.taken), work, caller: caller.map(str::to_owned) })
    }

    /// The limit that a call of a caller would exceed now.
    pub fn full(&self, work: Work, caller: Option<&str>) -> Option<LimitReached> {
        let caller = caller.filter(|caller| *caller != LOCAL);
        self.which_are_full(&lock(&self.taken), work, caller)
    }

    fn which_are_full(
        &self,
        taken: &Taken,
        work: Work,
        caller: Option<&str>,
    ) -> Option<LimitReached> {
        let own = caller.map_or(0, |caller| taken.of_callers.get(caller).copied().unwrap_or(0));
        if caller.is_some() && own >= self.max_per_caller {
            return Some(LimitReached::OfCaller);
        }
        // With a single permit, each kind of work may use it.
        let changing = self.max - self.max / 4;
        let bulk = self.max.div_ceil(4);
        let is_full = taken.all >= self.max
            || is_changing(work) && taken.changing >= changing
            || is_bulk(work) && taken.bulk >= bulk;
        is_full.then_some(LimitReached::Shared)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        taken.changing -= usize::from(is_changing(self.work));
        taken.bulk -= usize::from(is_bulk(self.work));
        if let Some(caller) = &self.caller
            && let Some(own) = taken.of_callers.get_mut(caller)
        {
            *own -= 1;
            if *own == 0 {
                taken.of_callers.remove(caller);
            }
        }
    }
}

/// No code that runs under the lock can panic.
fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_changing(work: Work) -> bool {
    work != Work::Read
}

/// An unspecified kind of work can wait too.
fn is_bulk(work: Work) -> bool {
    matches!(work, Work::Bulk | Work::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::{ConcurrencyLimiter, LimitReached, Permit};
    use crate::{
        api::caller::{Actor, Caller, Callers, Peer, Registered},
        pb::Work,
    };

    fn actor(name: &'static str) -> Actor {
        let caller = Caller { name: name.into(), ..Caller::local() };
        let callers = Callers::new([Registered::by_token(caller, name)]);
        let mut headers = http::HeaderMap::new();
        headers.insert("authorization", format!("Bearer {name}").parse().unwrap());
        callers.actor(&headers, &Peer::default(), 0).unwrap()
    }

    /// Takes permits until a limit is reached.
    fn all(
        limiter: &ConcurrencyLimiter,
        work: Work,
        actor: Option<&Actor>,
    ) -> (Vec<Permit>, LimitReached) {
        let mut taken = Vec::new();
        loop {
            match limiter.take(work, actor) {
                Ok(permit) => taken.push(permit),
                Err(full) => return (taken, full),
            }
        }
    }

    #[test]
    fn reads_go_before_writes_and_writes_before_bulk() {
        for (max, bulk, changing) in [(1, 1, 1), (2, 1, 2), (4, 1, 3), (100, 25, 75)] {
            let limiter = ConcurrencyLimiter::new(max, max);
            for heavy in [Work::Bulk, Work::Unspecified] {
                let (bulks, full) = all(&limiter, heavy, None);
                assert_eq!((bulks.len(), full), (bulk, LimitReached::Shared), "of {max}");
                let (writes, _) = all(&limiter, Work::Write, None);
                assert_eq!(bulks.len() + writes.len(), changing, "of {max}");
                let (reads, _) = all(&limiter, Work::Read, None);
                assert_eq!(bulks.len() + writes.len() + reads.len(), max);
                drop((bulks, writes));
                // Permits that reads hold are not free for anybody else.
                assert_eq!(all(&limiter, Work::Read, None).0.len(), changing);
            }
            let (reads, _) = all(&limiter, Work::Read, None);
            assert_eq!(reads.len(), max);
            assert_eq!(limiter.take(Work::Write, None).unwrap_err(), LimitReached::Shared);
        }
    }

    #[test]
    fn a_caller_has_its_share_and_whoever_shows_nothing_has_all() {
        let limiter = ConcurrencyLimiter::new(8, 3);
        let (shop, desk, local) = (actor("shop"), actor("desk"), Actor::local());
        let (mut shops, full) = all(&limiter, Work::Read, Some(&shop));
        assert_eq!((shops.len(), full), (3, LimitReached::OfCaller));
        let (desks, full) = all(&limiter, Work::Write, Some(&desk));
        assert_eq!((desks.len(), full), (3, LimitReached::OfCaller));
        let (locals, full) = all(&limiter, Work::Read, Some(&local));
        assert_eq!((locals.len(), full), (2, LimitReached::Shared));
        // A returned permit can be taken again.
        shops.pop();
        assert_eq!(limiter.take(Work::Read, Some(&desk)).unwrap_err(), LimitReached::OfCaller);
        shops.push(limiter.take(Work::Read, Some(&shop)).unwrap());
        drop((shops, desks, locals));
        assert_eq!(all(&limiter, Work::Read, Some(&local)).0.len(), 8);
        assert!(super::lock(&limiter.taken).of_callers.is_empty());
    }
}
