//! Which connections may be open: many of callers that are known, and few over which nobody has
//! shown yet who they are.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    ConnectionHandle,
    unauthenticated::{Network, Unauthenticated},
};
use crate::{
    api::{caller::LOCAL, places::Full},
    metrics::ConnectionMetrics,
};

/// How many connections may be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Over which a known caller has called.
    pub authenticated: usize,
    /// How many of them may be of one caller that shows who it is.
    pub per_caller: usize,
    /// Over which no known caller has called yet, beside the others.
    pub unauthenticated: usize,
}

impl ConnectionLimits {
    /// The usual share of unauthenticated connections, and how many there are at least.
    const UNAUTHENTICATED_SHARE: usize = 8;
    const MIN_UNAUTHENTICATED: usize = 64;

    pub fn new(authenticated: usize, per_caller: usize) -> Self {
        let share = authenticated / Self::UNAUTHENTICATED_SHARE;
        Self { authenticated, per_caller, unauthenticated: share.max(Self::MIN_UNAUTHENTICATED) }
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.authenticated + self.unauthenticated
    }
}

/// Lets connections in, and counts them. Copies are of one server.
#[derive(Clone, Debug)]
pub struct Admission(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: ConnectionLimits,
    open: Mutex<Open>,
    metrics: ConnectionMetrics,
}

#[derive(Debug, Default)]
struct Open {
    next_id: u64,
    unauthenticated: Unauthenticated,
    /// By id, each with the name of its caller.
    authenticated: HashMap<u64, Arc<str>>,
    of_callers: HashMap<Arc<str>, usize>,
}

/// What a connection is known by.
#[derive(Debug)]
pub(super) struct Ticket {
    admission: Admission,
    id: u64,
    network: Network,
}

/// The place of a connection, until it is dropped.
#[derive(Debug)]
pub struct Permit(ConnectionHandle);

impl Shared {
    fn count(&self, open: &Open) {
        let count = |connections| i64::try_from(connections).unwrap_or(i64::MAX);
        self.metrics.authenticated.set(count(open.authenticated.len()));
        self.metrics.unauthenticated.set(count(open.unauthenticated.len()));
    }
}

impl Admission {
    pub fn new(limits: ConnectionLimits, metrics: ConnectionMetrics) -> Self {
        Self(Arc::new(Shared { limits, open: Mutex::default(), metrics }))
    }

    /// A place for a connection that has come. Nobody is turned away: where the places of
    /// unauthenticated connections are all taken, the oldest of the network that has most is cut.
    pub fn admit(&self, from: IpAddr) -> Permit {
        let network = Network::of(from);
        let mut open = self.lock();
        let id = open.next_id;
        open.next_id += 1;
        let displaced = match open.unauthenticated.len() >= self.0.limits.unauthenticated {
            true => open.unauthenticated.remove_oldest(),
            false => None,
        };
        let handle = ConnectionHandle::with(Ticket { admission: self.clone(), id, network });
        open.unauthenticated.add(network, id, handle.clone());
        self.0.count(&open);
        drop(open);
        if let Some(displaced) = displaced {
            self.0.metrics.displaced.inc();
            displaced.cut();
        }
        Permit(handle)
    }

    pub fn metrics(&self) -> &ConnectionMetrics {
        &self.0.metrics
    }

    /// No code between taking it and giving it back can panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Gives the connection a place of a caller, and gives back the other one.
    pub(super) fn authenticate(&self, caller: &str) -> Result<(), Full> {
        let limits = self.admission.0.limits;
        let mut open = self.admission.lock();
        if open.authenticated.contains_key(&self.id) {
            return Ok(());
        }
        // Whoever calls without a token may be everybody there is.
        let (name, own) = match open.of_callers.get_key_value(caller) {
            Some((name, own)) => (Arc::clone(name), *own),
            None => (Arc::from(caller), 0),
        };
        if caller != LOCAL && own >= limits.per_caller {
            return Err(Full::OfCaller);
        }
        if open.authenticated.len() >= limits.authenticated {
            return Err(Full::Shared);
        }
        // A call may come to be known after its connection has ended, and holds no place then.
        open.unauthenticated.remove(self.network, self.id).ok_or(Full::Shared)?;
        open.of_callers.insert(Arc::clone(&name), own + 1);
        open.authenticated.insert(self.id, name);
        self.admission.0.count(&open);
        Ok(())
    }

    fn leave(&self) {
        let mut open = self.admission.lock();
        if let Some(caller) = open.authenticated.remove(&self.id) {
            open.left(&caller);
        } else {
            open.unauthenticated.remove(self.network, self.id);
        }
        self.admission.0.count(&open);
    }
}

impl Open {
    fn left(&mut self, caller: &str) {
        if let Some(own) = self.of_callers.get_mut(caller) {
            *own -= 1;
            if *own == 0 {
                self.of_callers.remove(caller);
            }
        }
    }
}

impl Permit {
    pub fn connection(&self) -> &ConnectionHandle {
        &self.0
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.0.ticket() {
            ticket.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::FutureExt as _;
    use http::HeaderMap;

    use super::*;
    use crate::api::shed::Credentials;

    const LIMITS: ConnectionLimits =
        ConnectionLimits { authenticated: 3, per_caller: 2, unauthenticated: 2 };

    fn from(host: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, host).into()
    }

    fn is_cut(permit: &Permit) -> bool {
        permit.connection().until_cut().now_or_never().is_some()
    }

    fn authenticate(permit: &Permit, caller: &str) -> Result<(), Full> {
        permit.connection().authenticate(caller, Credentials::of(&HeaderMap::new()))
    }

    /// How many are known, how many are not, and how many of those had to go.
    fn counts(admission: &Admission) -> (i64, i64, u64) {
        let ConnectionMetrics { authenticated, unauthenticated, displaced, .. } =
            admission.metrics();
        (authenticated.get(), unauthenticated.get(), displaced.get())
    }

    fn admission(limits: ConnectionLimits) -> Admission {
        Admission::new(limits, ConnectionMetrics::default())
    }

    #[test]
    fn whoever_floods_displaces_itself_and_no_known_caller() {
        let admission = admission(LIMITS);
        let known = admission.admit(from(1));
        authenticate(&known, "desk").unwrap();
        let quiet = admission.admit(from(1));
        let flood: Vec<_> = (0..10).map(|_| admission.admit(from(2))).collect();
        assert!(!is_cut(&known) && !is_cut(&quiet));
        assert_eq!(flood.iter().filter(|permit| is_cut(permit)).count(), 9);
        assert!(!is_cut(&flood[9]), "the newest stays");
        assert_eq!(counts(&admission), (1, 2, 9));
        // Whoever is new makes a call before many more come.
        let new = admission.admit(from(3));
        authenticate(&new, "desk").unwrap();
        assert_eq!(counts(&admission), (2, 1, 10));
        drop((known, quiet, flood, new));
        assert_eq!(counts(&admission), (0, 0, 10));
        assert!(admission.lock().of_callers.is_empty());
    }

    #[test]
    fn where_there_is_room_nobody_is_displaced() {
        let admission = admission(ConnectionLimits { unauthenticated: 11, ..LIMITS });
        let all: Vec<_> = (0..11).map(|_| admission.admit(from(2))).collect();
        assert!(!all.iter().any(is_cut));
        assert_eq!(counts(&admission), (0, 11, 0));
    }

    #[test]
    fn a_caller_leaves_places_to_others_and_all_of_them_are_bounded() {
        let admission = admission(LIMITS);
        let admit = || admission.admit(from(1));
        let [one, two, three, four] = [admit(), admit(), admit(), admit()];
        // The first two were displaced: they come again when the others are known.
        drop((one, two));
        assert_eq!(authenticate(&three, "desk"), Ok(()));
        assert_eq!(authenticate(&four, "desk"), Ok(()));
        let [five, six] = [admit(), admit()];
        assert_eq!(authenticate(&five, "desk"), Err(Full::OfCaller));
        assert!(!five.connection().is_authenticated());
        assert_eq!(authenticate(&five, "shop"), Ok(()));
        assert_eq!(authenticate(&six, "shop"), Err(Full::Shared));
        // A connection that carries several callers counts for the first.
        assert_eq!(authenticate(&three, "shop"), Ok(()));
        drop(three);
        assert_eq!(authenticate(&six, "desk"), Ok(()));
        drop((four, five, six));
        assert_eq!(counts(&admission), (0, 0, 2));
    }

    #[test]
    fn whoever_shows_nothing_has_no_share() {
        let admission = admission(LIMITS);
        let permits: Vec<_> = (0..3)
            .map(|_| {
                let permit = admission.admit(from(1));
                authenticate(&permit, LOCAL).unwrap();
                permit
            })
            .collect();
        assert_eq!(counts(&admission), (3, 0, 0));
        drop(permits);
    }

    #[test]
    fn a_call_that_outlives_its_connection_takes_no_place() {
        let admission = admission(LIMITS);
        let permit = admission.admit(from(1));
        let handle = permit.connection().clone();
        drop(permit);
        assert_eq!(
            handle.authenticate("desk", Credentials::of(&HeaderMap::new())),
            Err(Full::Shared)
        );
        assert_eq!(counts(&admission), (0, 0, 0));
    }
}
