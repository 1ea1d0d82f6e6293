//! WatchTimeline: a watch of the store as a stream of events.
//!
//! Each watch is a task that reads a page of new entries, sends it event by event through a short
//! queue, and reads on only when the caller has taken them. A caller that takes none for a while is
//! cut off: its page and its permit are released, and only the queue is left. The bytes of the page
//! count as those of a response.

mod event;
mod stream;
mod token;

pub use event::EncodedEvent;
pub use stream::WatchStream;
pub use token::WatchTokens;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch::Receiver},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use crate::{
    api::{
        budget::{Budget, Holder, Reservation},
        caller::{Actor, CallPermission, Scope},
        concurrency::{ConcurrencyLimiter, LimitReached, Permit},
        connection::ConnectionHandle,
        guard::CallerDeadline,
        mask,
    },
    error::{Error, Exhausted},
    incident,
    metrics::Metrics,
    pb::Work,
    store::{Frames, MAX_PAGE_BYTES, Watch, WatchedEntry},
};
use event::Event;

/// How many events are queued for the caller, besides the page that they are part of.
pub const QUEUE: usize = 4;

/// The limits of watches.
#[derive(Clone, Copy, Debug)]
pub struct WatchBounds {
    /// The interval without events after which a heartbeat is sent.
    pub heartbeat: Duration,
    /// How long a caller may take no event before it is cut off.
    pub send_timeout: Duration,
    /// How many watches there may be at once.
    pub max_watches: usize,
    /// How many watches one authenticated caller may have at once.
    pub max_watches_per_caller: usize,
}

/// The conditions under which a stream continues.
#[derive(Clone)]
pub struct StreamTerms {
    /// The deadline, if the caller set one.
    deadline: Option<Instant>,
    permission: Option<CallPermission>,
    /// The holder of its reservations.
    holder: Holder,
}

impl StreamTerms {
    /// The conditions that the guard has attached to a call.
    pub fn of<T>(request: &tonic::Request<T>, actor: &Actor) -> Self {
        let found = request.extensions();
        let deadline = found.get().map(|CallerDeadline(deadline)| *deadline);
        let holder = found.get().cloned();
        let holder =
            holder.unwrap_or_else(|| Holder::new(Some(actor), ConnectionHandle::default()));
        Self { deadline, permission: found.get().cloned(), holder }
    }

    pub fn holder(&self) -> &Holder {
        &self.holder
    }
}

/// The watches of a server.
#[derive(Clone, Debug)]
pub struct Watches {
    bounds: WatchBounds,
    limiter: ConcurrencyLimiter,
    /// The bytes of unsent responses.
    answers: Budget,
    /// True once the server stops.
    stopping: Receiver<bool>,
    metrics: Arc<Metrics>,
}

impl Watches {
    pub fn new(
        bounds: WatchBounds,
        answers: Budget,
        stopping: Receiver<bool>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let limiter = ConcurrencyLimiter::new(bounds.max_watches, bounds.max_watches_per_caller);
        Self { bounds, limiter, answers, stopping, metrics }
    }

    /// A permit for a watch of a caller.
    pub fn permit(&self, actor: &Actor) -> Result<Permit, Error> {
        self.limiter.take(Work::Read, Some(actor)).map_err(|full| match full {
            LimitReached::Shared => Error::TooManyWatches,
            LimitReached::OfCaller => Error::TooManyWatchesOfCaller,
        })
    }

    /// Follows a watch until the caller, the deadline or the server ends it, or the caller loses
    /// its permission.
    pub fn start(
        &self,
        watch: Watch,
        tokens: WatchTokens,
        terms: StreamTerms,
        permit: Permit,
        scope: Scope,
    ) -> WatchStream {
        let (events, taken) = mpsc::channel(QUEUE);
        let (end, ended) = oneshot::channel();
        let stream = WatchStream::new(taken, ended, tokens.write(watch.point()));
        let watches = self.clone();
        let counted = self.metrics.store.watch();
        tokio::spawn(async move {
            let (events, watches) = (&events, &watches);
            let holder = terms.holder().clone();
            let (events_of, watches_of) = (events.clone(), watches.clone());
            let mut follower =
                Follower { watch, tokens, events: events_of, watches: watches_of, holder, scope };
            let work = async { follower.follow().await.map(|never| match never {}) };
            let end_of = watches.bounded(events, terms, work).await;
            let Some(Err(error)) = end_of else { return };
            // If the receiver is gone, nobody needs it. The queue ends when the senders are
            // dropped, and the end must be set by then.
            let _ = end.send(error);
            drop((permit, counted));
        });
        stream
    }

    /// Runs the work of a stream until it is done, or the deadline, the server or a lost permission
    /// ends it. None if the caller is gone.
    pub async fn bounded<T>(
        &self,
        events: &mpsc::Sender<T>,
        terms: StreamTerms,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Option<Result<(), Error>> {
        let mut stopping = self.stopping.clone();
        let ended = tokio::select! {
            () = events.closed() => return None,
            // An error means that the server is gone, which counts as a stop.
            _ = stopping.wait_for(|stopping| *stopping) => Err(Error::Stopping),
            () = passed(terms.deadline) => Err(Error::DeadlinePassed),
            error = lost(terms.permission) => Err(error),
            ended = incident::caught(work) => ended.flatten(),
        };
        if ended == Err(Error::SlowReader) {
            tracing::info!("a stream was not read in time and is ended");
        }
        Some(ended)
    }

    /// Reserves memory for a part of a stream before it is read, as soon as there is room.
    pub async fn room(&self, holder: &Holder, bytes: usize) -> Result<Reservation, Error> {
        let reserved = timeout(self.bounds.send_timeout, self.answers.reserve_later(holder, bytes));
        reserved.await.map_err(|_| {
            let exhausted = self.answers.check(holder).err();
            Error::TooManyBytes(exhausted.unwrap_or(Exhausted::All))
        })
    }

    /// Sends a part of a stream, as soon as there is room for it.
    pub async fn hand_over<T>(&self, events: &mpsc::Sender<T>, event: T) -> Result<(), Error> {
        match timeout(self.bounds.send_timeout, events.send(event)).await {
            Ok(Ok(())) => Ok(()),
            // The caller is gone, so nobody sees this error.
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Err(Error::SlowReader),
        }
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn lost(permission: Option<CallPermission>) -> Error {
    match permission {
        Some(permission) => permission.lost().await,
        None => std::future::pending().await,
    }
}

struct Follower {
    watch: Watch,
    tokens: WatchTokens,
    events: mpsc::Sender<Event>,
    watches: Watches,
    holder: Holder,
    /// The scope of the caller, for masking.
    scope: Scope,
}

impl Follower {
    /// Sends new entries. Never returns without an error.
    async fn follow(&mut self) -> Result<std::convert::Infallible, Error> {
        self.send(Event::customer(self.watch.person())).await?;
        self.catch_up().await?;
        loop {
            // After everything is sent, new entries follow, or heartbeats.
            let mut quiet_until = self.beat().await?;
            while timeout_at(quiet_until, self.watch.woken()).await.is_ok() {
                if self.look().await? {
                    quiet_until = self.next_beat();
                }
            }
            // The database may be unavailable: a heartbeat means that it was read.
            self.look().await?;
        }
    }

    /// Checks for new entries and sends them; returns whether there were any.
    async fn look(&mut self) -> Result<bool, Error> {
        let is_other = self.watch.refresh().await?;
        if is_other {
            self.send(Event::customer(self.watch.person())).await?;
        }
        Ok(self.catch_up().await? || is_other)
    }

    /// Sends what the last check found; returns whether there was anything.
    async fn catch_up(&mut self) -> Result<bool, Error> {
        let mut any = false;
        while self.watch.is_behind() {
            let mut held = self.watches.room(&self.holder, MAX_PAGE_BYTES).await?;
            let page = self.watch.page().await?;
            held.resize(page.iter().map(|entry| entry.payload.len()).sum());
            let held = Arc::new(held);
            for entry in page {
                self.watch.advance(&entry);
                // Skipped entries are covered by the token of the next event, at the latest a
                // heartbeat.
                if self.watch.concerns(&entry)? {
                    any = true;
                    let WatchedEntry { payload, .. } = entry;
                    let shown = mask::frames(Frames::split(payload)?, &self.scope)?;
                    self.send(Event::entry(shown.into_bytes(), Arc::clone(&held))).await?;
                }
            }
        }
        Ok(any)
    }

    async fn beat(&self) -> Result<Instant, Error> {
        self.send(Event::heartbeat()).await?;
        Ok(self.next_beat())
    }

    fn next_beat(&self) -> Instant {
        Instant::now() + self.watches.bounds.heartbeat
    }

    async fn send(&self, event: Event) -> Result<(), Error> {
        let event = event.with_token(self.tokens.write(self.watch.point()));
        self.watches.hand_over(&self.events, event).await
    }
}
