//! A connection pool. sqlx has one too, but it checks each returned connection with a round trip
//! and without a time limit.

use std::{
    fmt,
    future::Future,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::Connection;
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::{observer::Observer, vitals::Vitals};
use crate::error::Error;

/// How long a caller waits for a connection.
const WAIT: Duration = Duration::from_secs(10);
/// How long closing a connection may take.
const CLOSE: Duration = Duration::from_secs(2);
/// A connection that was idle for this long is checked before its next use.
const RESTED: Duration = Duration::from_secs(15);
/// How long that check may take.
const CHECK: Duration = Duration::from_secs(1);
/// A connection that was idle for this long, or is this old, is closed, to free what it has cached
/// here and in the database.
const MAX_IDLE: Duration = Duration::from_secs(10 * 60);
const MAX_AGE: Duration = Duration::from_secs(30 * 60);
/// After a failed attempt to connect, further ones are refused for this long.
const RETRY: Duration = Duration::from_millis(250);

/// What the pool needs from a kind of connection.
pub trait Connect: Connection + Sized + Sync + 'static {
    /// Where connections lead.
    type Target: Send + Sync + 'static;

    /// The identity of a connection in the database.
    type Session: Copy + Send + Sync + 'static;

    /// How long the pool waits for the end of an abandoned statement.
    const DRAIN: Duration;

    /// Opens a connection within a time limit.
    fn open(
        target: &Self::Target,
    ) -> impl Future<Output = Result<(Self, Self::Session), Error>> + Send;

    /// Completes when it is known that a running statement will not be answered.
    fn lost(target: &Self::Target, session: Self::Session) -> impl Future<Output = ()> + Send;

    /// Ends what the database may still hold of a connection that was closed in an unknown state.
    fn end(target: &Self::Target, session: Self::Session) -> impl Future<Output = ()> + Send;

    /// Checks that a connection still leads where it should.
    fn check(&mut self) -> impl Future<Output = Result<(), Error>> + Send;

    /// The meaning of a statement's error, if the error alone does not show it.
    fn explain(target: &Self::Target, error: Error) -> Error;

    /// Runs a statement without parameters and rows.
    fn command(
        &mut self,
        statement: &'static str,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The connections of a database, up to a maximum number.
pub struct Pool<C: Connect>(pub(super) Arc<Inner<C>>);

pub(super) struct Inner<C: Connect> {
    pub(super) target: C::Target,
    size: u32,
    permits: Arc<Semaphore>,
    pub(super) observer: Observer,
    shared: Mutex<Shared<C>>,
    is_closed: AtomicBool,
}

struct Shared<C: Connect> {
    /// The last used one is used next: its caches are warm.
    idle: Vec<Idle<C>>,
    /// When a connection failed last: connections idle since before are checked.
    suspected_at: Option<Instant>,
    /// The last attempt to connect, if it failed.
    refused: Option<(Instant, Error)>,
}

struct Idle<C: Connect> {
    open: Open<C>,
    since: Instant,
}

/// An open connection.
pub(super) struct Open<C: Connect> {
    pub connection: C,
    pub session: C::Session,
    pub since: Instant,
}

impl<C: Connect> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: Connect> fmt::Debug for Pool<C> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Pool").field("size", &self.0.size).finish_non_exhaustive()
    }
}

impl<C: Connect> Pool<C> {
    /// A pool of at most `size` connections, initially empty.
    pub fn new(target: C::Target, size: u32, observer: Observer) -> Self {
        let shared = Shared { idle: Vec::new(), suspected_at: None, refused: None };
        Self(Arc::new(Inner {
            target,
            size,
            permits: Arc::new(Semaphore::new(size as usize)),
            observer,
            shared: Mutex::new(shared),
            is_closed: AtomicBool::new(false),
        }))
    }

    /// Takes a connection once one is free, with the permit to use it.
    pub(super) async fn take(&self) -> Result<(Open<C>, OwnedSemaphorePermit), Error> {
        let begun = Instant::now();
        let taken = self.wait().await;
        self.0.observer.meter.waited(begun.elapsed());
        taken
    }

    async fn wait(&self) -> Result<(Open<C>, OwnedSemaphorePermit), Error> {
        let waited = timeout(WAIT, Arc::clone(&self.0.permits).acquire_owned()).await;
        let permit = waited.map_err(|_| unavailable("no connection became free in time"))?;
        let permit = permit.map_err(|_| closed())?;
        if self.0.is_closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let open = match self.0.trusted().await {
            Some(open) => open,
            None => self.0.connect().await?,
        };
        Ok((open, permit))
    }

    pub fn vitals(&self) -> &Arc<Vitals> {
        &self.0.observer.vitals
    }

    /// Updates the connection metrics.
    pub fn count_connections(&self) {
        let used = (self.0.size as usize).saturating_sub(self.0.permits.available_permits());
        self.0.observer.meter.connections(used, self.0.lock().idle.len());
    }

    /// Waits for the connections in use and closes all.
    pub async fn close(&self) {
        self.0.is_closed.store(true, Ordering::Release);
        let _all = self.0.permits.acquire_many(self.0.size).await;
        let idle = mem::take(&mut self.0.lock().idle);
        for idle in idle {
            close(idle.open.connection).await;
        }
    }
}

impl<C: Connect> Inner<C> {
    fn lock(&self) -> MutexGuard<'_, Shared<C>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An idle connection that is usable.
    async fn trusted(&self) -> Option<Open<C>> {
        loop {
            let (mut open, is_trusted) = self.pop()?;
            if is_trusted || matches!(timeout(CHECK, open.connection.check()).await, Ok(Ok(()))) {
                return Some(open);
            }
            discard(open.connection);
            // The other idle connections lead to the same place.
            let others = mem::take(&mut self.lock().idle);
            others.into_iter().for_each(|idle| discard(idle.open.connection));
        }
    }

    /// The last used idle connection, and whether it can be used without a check.
    fn pop(&self) -> Option<(Open<C>, bool)> {
        let mut shared = self.lock();
        let idle = shared.idle.pop()?;
        let is_suspected = shared.suspected_at.is_some_and(|suspected| idle.since <= suspected);
        let is_trusted = !is_suspected && idle.since.elapsed() < RESTED;
        Some((idle.open, is_trusted))
    }

    pub(super) fn push(&self, open: Open<C>) {
        let mut shared = self.lock();
        shared.idle.push(Idle { open, since: Instant::now() });
        let is_old = |idle: &mut Idle<C>| {
            idle.since.elapsed() > MAX_IDLE || idle.open.since.elapsed() > MAX_AGE
        };
        let old: Vec<_> = shared.idle.extract_if(.., is_old).collect();
        drop(shared);
        old.into_iter().for_each(|idle| discard(idle.open.connection));
    }

    /// Marks idle connections as suspect, so that they are checked before their next use.
    pub(super) fn suspect(&self) {
        self.lock().suspected_at = Some(Instant::now());
    }

    async fn connect(&self) -> Result<Open<C>, Error> {
        if let Some((at, error)) = &self.lock().refused
            && at.elapsed() < RETRY
        {
            return Err(error.clone());
        }
        let opened = C::open(&self.target).await;
        let refused = opened.as_ref().err().map(|error| (Instant::now(), error.clone()));
        self.lock().refused = refused;
        let (connection, session) = opened?;
        Ok(Open { connection, session, since: Instant::now() })
    }
}

pub(super) async fn close<C: Connect>(connection: C) {
    // It is dropped in any case.
    let _ = timeout(CLOSE, connection.close()).await;
}

/// Closes a connection in the background.
fn discard<C: Connect>(connection: C) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(close(connection));
    }
}

pub(super) fn unavailable(cause: &str) -> Error {
    Error::Unavailable(cause.to_owned())
}

pub(super) fn closed() -> Error {
    unavailable("the store is closed")
}
