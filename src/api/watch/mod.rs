//! WatchTimeline: a watch of the store as a stream of events.
//!
//! Each watch is a task that reads a page of what is new, hands it over event by event through a
//! short queue, and reads no further until the caller has taken them. The caller that takes none
//! for a while is cut off: its page and its place among the watches are free again, and what is
//! left of it is the queue. The bytes of the page count among those of answers.

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
        caller::{Actor, Right, Scope},
        connection::ConnectionHandle,
        guard::CallerDeadline,
        mask,
        places::{Full, Place, Places},
    },
    error::{Error, Exhausted},
    incident,
    metrics::Metrics,
    pb::Work,
    store::{Frames, MAX_PAGE_BYTES, Watch, WatchedEntry},
};
use event::Event;

/// How many events wait for the caller beside the page that they are of.
pub const QUEUE: usize = 4;

/// What bounds watches.
#[derive(Clone, Copy, Debug)]
pub struct WatchBounds {
    /// After so long without an event the caller hears that there is none.
    pub heartbeat: Duration,
    /// A caller that takes no event for so long is cut off.
    pub send_timeout: Duration,
    /// How many watches there may be at once.
    pub max_watches: usize,
    /// How many of them each caller may have that shows who it is.
    pub max_watches_per_caller: usize,
}

/// What the stream that answers a call goes on by.
#[derive(Clone)]
pub struct StreamTerms {
    /// Where its caller says so.
    deadline: Option<Instant>,
    right: Option<Right>,
    /// For whom its bytes are held.
    holder: Holder,
}

impl StreamTerms {
    /// Those that the guard has found.
    pub fn of<T>(request: &tonic::Request<T>, actor: &Actor) -> Self {
        let found = request.extensions();
        let deadline = found.get().map(|CallerDeadline(deadline)| *deadline);
        let holder = found.get().cloned();
        let holder =
            holder.unwrap_or_else(|| Holder::new(Some(actor), ConnectionHandle::default()));
        Self { deadline, right: found.get().cloned(), holder }
    }

    pub fn holder(&self) -> &Holder {
        &self.holder
    }
}

/// The watches of a server.
#[derive(Clone, Debug)]
pub struct Watches {
    bounds: WatchBounds,
    places: Places,
    /// The bytes of answers that have not gone out.
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
        let places = Places::new(bounds.max_watches, bounds.max_watches_per_caller);
        Self { bounds, places, answers, stopping, metrics }
    }

    /// A place for one more of a caller.
    pub fn place(&self, actor: &Actor) -> Result<Place, Error> {
        self.places.take(Work::Read, Some(actor)).map_err(|full| match full {
            Full::Shared => Error::TooManyWatches,
            Full::OfCaller => Error::TooManyWatchesOfCaller,
        })
    }

    /// Follows a watch until the caller, the deadline or the server ends it, or the caller has lost
    /// the right to it.
    pub fn start(
        &self,
        watch: Watch,
        tokens: WatchTokens,
        terms: StreamTerms,
        place: Place,
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
            // Whoever does not take it is gone. The queue ends when the senders are dropped, and
            // the end has to stand by then.
            let _ = end.send(error);
            drop((place, counted));
        });
        stream
    }

    /// Does the work of a stream until it is done, or the deadline, the server or a lost right ends
    /// it. Nothing where the caller is gone.
    pub async fn bounded<T>(
        &self,
        events: &mpsc::Sender<T>,
        terms: StreamTerms,
        work: impl Future<Output = Result<(), Error>>,
    ) -> Option<Result<(), Error>> {
        let mut stopping = self.stopping.clone();
        let ended = tokio::select! {
            () = events.closed() => return None,
            // An error means that the server is gone, which is a stop too.
            _ = stopping.wait_for(|stopping| *stopping) => Err(Error::Stopping),
            () = passed(terms.deadline) => Err(Error::DeadlinePassed),
            error = lost(terms.right) => Err(error),
            ended = incident::caught(work) => ended.flatten(),
        };
        if ended == Err(Error::SlowReader) {
            tracing::info!("a stream was not read in time and is cut off");
        }
        Some(ended)
    }

    /// Holds the bytes of a part of a stream before they are read, as soon as there is room.
    pub async fn room(&self, holder: &Holder, bytes: usize) -> Result<Reservation, Error> {
        let reserved = timeout(self.bounds.send_timeout, self.answers.reserve_later(holder, bytes));
        reserved.await.map_err(|_| {
            let exhausted = self.answers.check(holder).err();
            Error::TooManyBytes(exhausted.unwrap_or(Exhausted::All))
        })
    }

    /// Hands over a part of a stream, as soon as there is room for it.
    pub async fn hand_over<T>(&self, events: &mpsc::Sender<T>, event: T) -> Result<(), Error> {
        match timeout(self.bounds.send_timeout, events.send(event)).await {
            Ok(Ok(())) => Ok(()),
            // The caller is gone: nobody hears this.
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

async fn lost(right: Option<Right>) -> Error {
    match right {
        Some(right) => right.lost().await,
        None => std::future::pending().await,
    }
}

struct Follower {
    watch: Watch,
    tokens: WatchTokens,
    events: mpsc::Sender<Event>,
    watches: Watches,
    holder: Holder,
    /// What of it the caller sees.
    scope: Scope,
}

impl Follower {
    /// Sends what is new, for ever.
    async fn follow(&mut self) -> Result<std::convert::Infallible, Error> {
        self.send(Event::customer(self.watch.person())).await?;
        self.catch_up().await?;
        loop {
            // All is sent; then what is new, or that nothing is.
            let mut quiet_until = self.beat().await?;
            while timeout_at(quiet_until, self.watch.woken()).await.is_ok() {
                if self.look().await? {
                    quiet_until = self.next_beat();
                }
            }
            // The database may be out of reach: a heartbeat means that it was asked.
            self.look().await?;
        }
    }

    /// Looks whether there is something new and sends it; whether there was.
    async fn look(&mut self) -> Result<bool, Error> {
        let is_other = self.watch.refresh().await?;
        if is_other {
            self.send(Event::customer(self.watch.person())).await?;
        }
        Ok(self.catch_up().await? || is_other)
    }

    /// Sends what the last look has found; whether it was anything.
    async fn catch_up(&mut self) -> Result<bool, Error> {
        let mut any = false;
        while self.watch.is_behind() {
            let mut held = self.watches.room(&self.holder, MAX_PAGE_BYTES).await?;
            let page = self.watch.page().await?;
            held.resize(page.iter().map(|entry| entry.payload.len()).sum());
            let held = Arc::new(held);
            for entry in page {
                self.watch.advance(&entry);
                // What is passed over shows in the token of the next event, a heartbeat at last.
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
