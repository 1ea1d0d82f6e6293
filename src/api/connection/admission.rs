//! Admission of connections: many of authenticated callers, and few that are not authenticated yet.

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
    api::{caller::LOCAL, concurrency::LimitReached},
    metrics::ConnectionMetrics,
};

/// Limits on open connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections on which a known caller has called.
    pub authenticated: usize,
    /// Authenticated connections of one caller with credentials.
    pub per_caller: usize,
    /// Connections on which no known caller has called yet, in addition to the others.
    pub unauthenticated: usize,
}

impl ConnectionLimits {
    /// The default share of unauthenticated connections; also their minimum number.
    const UNAUTHENTICATED_SHARE: usize = 8;
    const MIN_UNAUTHENTICATED: usize = 64;

    pub fn new(authenticated: usize, per_caller: usize) -> Self {
        let share = authenticated / Self::UNAUTHENTICATED_SHARE;
        Self { authenticated, per_caller, unauthenticated: share.max(Self::MIN_UNAUTHENTICATED) }
    }

    /// All connections.
    pub fn total(&self) -> usize {
        self.authenticated + self.unauthenticated
    }
}

/// Admits connections and counts them. Clones share the limits.
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
    /// By id, with the name of the caller.
    authenticated: HashMap<u64, Arc<str>>,
    of_callers: HashMap<Arc<str>, usize>,
}

/// The identity of an admitted connection.
#[derive(Debug)]
pub(super) struct Ticket {
    admission: Admission,
    id: u64,
    network: Network,
}

/// A permit for a connection, until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit(ConnectionHandle);

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

    /// Admits a new connection. It always succeeds: if the limit of unauthenticated connections is
    /// reached, the oldest connection of the network with the most is cut.
    pub fn admit(&self, from: IpAddr) -> ConnectionPermit {
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
        ConnectionPermit(handle)
    }

    pub fn metrics(&self) -> &ConnectionMetrics {
        &self.0.metrics
    }

    /// No code that runs under the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Moves the connection from the unauthenticated ones to those of a caller.
    pub(super) fn authenticate(&self, caller: &str) -> Result<(), LimitReached> {
        let limits = self.admission.0.limits;
        let mut open = self.admission.lock();
        if open.authenticated.contains_key(&self.id) {
            return Ok(());
        }
        // Calls without a token may be of different callers.
        let (name, own) = match open.of_callers.get_key_value(caller) {
            Some((name, own)) => (Arc::clone(name), *own),
            None => (Arc::from(caller), 0),
        };
        if caller != LOCAL && own >= limits.per_caller {
            return Err(LimitReached::OfCaller);
        }
        if open.authenticated.len() >= limits.authenticated {
            return Err(LimitReached::Shared);
        }
        // A call can be authenticated after its connection has ended; then there is no permit to
        // move.
        open.unauthenticated.remove(self.network, self.id).ok_or(LimitReached::Shared)?;
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

impl ConnectionPermit {
    pub fn connection(&self) -> &ConnectionHandle {
        &self.0
    }
}

impl Drop for ConnectionPermit {
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

    fn is_cut(permit: &ConnectionPermit) -> bool {
        permit.connection().until_cut().now_or_never().is_some()
    }

    fn authenticate(permit: &ConnectionPermit, caller: &str) -> Result<(), LimitReached> {
        permit.connection().authenticate(caller, Credentials::of(&HeaderMap::new()))
    }

    /// The numbers of authenticated, unauthenticated and displaced connections.
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
        // A new connection makes a call before many more arrive.
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
        // The first two were displaced; they connect again once the others are authenticated.
        drop((one, two));
        assert_eq!(authenticate(&three, "desk"), Ok(()));
        assert_eq!(authenticate(&four, "desk"), Ok(()));
        let [five, six] = [admit(), admit()];
        assert_eq!(authenticate(&five, "desk"), Err(LimitReached::OfCaller));
        assert!(!five.connection().is_authenticated());
        assert_eq!(authenticate(&five, "shop"), Ok(()));
        assert_eq!(authenticate(&six, "shop"), Err(LimitReached::Shared));
        // A connection with several callers counts for the first.
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
            Err(LimitReached::Shared)
        );
        assert_eq!(counts(&admission), (0, 0, 0));
    }
}
