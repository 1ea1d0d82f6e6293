//! The places of calls under way: how many there are, and who may take which of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::caller::{Actor, LOCAL};
use crate::pb::Work;

/// Places that calls take and give back. Copies share them.
#[derive(Clone, Debug)]
pub struct Places {
    max: usize,
    max_per_caller: usize,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Of writes and of bulk.
    changing: usize,
    bulk: usize,
    /// By the name of the caller; one without any is not there.
    of_callers: HashMap<String, usize>,
}

/// Which places are all taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Those for calls of this work.
    Shared,
    /// Those for the caller.
    OfCaller,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    taken: Arc<Mutex<Taken>>,
    work: Work,
    caller: Option<String>,
}

impl Places {
    /// So many in all, and so many for each caller that shows who it is. Whoever calls without a
    /// token may be everybody there is, and may have all.
    pub fn new(max: usize, max_per_caller: usize) -> Self {
        Self { max, max_per_caller, taken: Arc::default() }
    }

    /// A place for a call of somebody, or of whoever it is.
    pub fn take(&self, work: Work, actor: Option<&Actor>) -> Result<Place, Full> {
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
        Ok(Place { taken: Arc::clone(&self.taken), work, caller: caller.map(str::to_owned) })
    }

    /// Which places are all taken now, of those that a call of a caller would need.
    pub fn full(&self, work: Work, caller: Option<&str>) -> Option<Full> {
        let caller = caller.filter(|caller| *caller != LOCAL);
        self.which_are_full(&lock(&self.taken), work, caller)
    }

    fn which_are_full(&self, taken: &Taken, work: Work, caller: Option<&str>) -> Option<Full> {
        let own = caller.map_or(0, |caller| taken.of_callers.get(caller).copied().unwrap_or(0));
        if caller.is_some() && own >= self.max_per_caller {
            return Some(Full::OfCaller);
        }
        // Of one place in all, each work may have it.
        let changing = self.max - self.max / 4;
        let bulk = self.max.div_ceil(4);
        let is_full = taken.all >= self.max
            || is_changing(work) && taken.changing >= changing
            || is_bulk(work) && taken.bulk >= bulk;
        is_full.then_some(Full::Shared)
    }
}

impl Drop for Place {
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

/// No code between taking it and giving it back can panic.
fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_changing(work: Work) -> bool {
    work != Work::Read
}

/// What the contract says nothing of can wait too.
fn is_bulk(work: Work) -> bool {
    matches!(work, Work::Bulk | Work::Unspecified)
}

#[cfg(test)]
mod tests {
    use super::{Full, Place, Places};
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

    /// As many places as there are for calls.
    fn all(places: &Places, work: Work, actor: Option<&Actor>) -> (Vec<Place>, Full) {
        let mut taken = Vec::new();
        loop {
            match places.take(work, actor) {
                Ok(place) => taken.push(place),
                Err(full) => return (taken, full),
            }
        }
    }

    #[test]
    fn reads_go_before_writes_and_writes_before_bulk() {
        for (max, bulk, changing) in [(1, 1, 1), (2, 1, 2), (4, 1, 3), (100, 25, 75)] {
            let places = Places::new(max, max);
            for heavy in [Work::Bulk, Work::Unspecified] {
                let (bulks, full) = all(&places, heavy, None);
                assert_eq!((bulks.len(), full), (bulk, Full::Shared), "of {max}");
                let (writes, _) = all(&places, Work::Write, None);
                assert_eq!(bulks.len() + writes.len(), changing, "of {max}");
                let (reads, _) = all(&places, Work::Read, None);
                assert_eq!(bulks.len() + writes.len() + reads.len(), max);
                drop((bulks, writes));
                // Places of reads are nobody's but theirs as long as they are at work.
                assert_eq!(all(&places, Work::Read, None).0.len(), changing);
            }
            let (reads, _) = all(&places, Work::Read, None);
            assert_eq!(reads.len(), max);
            assert_eq!(places.take(Work::Write, None).unwrap_err(), Full::Shared);
        }
    }

    #[test]
    fn a_caller_has_its_share_and_whoever_shows_nothing_has_all() {
        let places = Places::new(8, 3);
        let (shop, desk, local) = (actor("shop"), actor("desk"), Actor::local());
        let (mut shops, full) = all(&places, Work::Read, Some(&shop));
        assert_eq!((shops.len(), full), (3, Full::OfCaller));
        let (desks, full) = all(&places, Work::Write, Some(&desk));
        assert_eq!((desks.len(), full), (3, Full::OfCaller));
        let (locals, full) = all(&places, Work::Read, Some(&local));
        assert_eq!((locals.len(), full), (2, Full::Shared));
        // What is given back can be taken again.
        shops.pop();
        assert_eq!(places.take(Work::Read, Some(&desk)).unwrap_err(), Full::OfCaller);
        shops.push(places.take(Work::Read, Some(&shop)).unwrap());
        drop((shops, desks, locals));
        assert_eq!(all(&places, Work::Read, Some(&local)).0.len(), 8);
        assert!(super::lock(&places.taken).of_callers.is_empty());
    }
}
