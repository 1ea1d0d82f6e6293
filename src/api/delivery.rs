//! Delivery of responses. A call keeps its permit, and the bytes of its response count, until the
//! last of them is written to the connection. A connection that reads nothing of a response for a
//! while is cut, together with everything that waits for it.
//!
//! HTTP/2 does not poll a response while its stream has no window, so a body cannot watch its own
//! time: a task checks all of them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    budget::{Budget, Holder, Reservation},
    concurrency::Permit,
};
/// How often responses are checked within their time limit, and the interval at most.
const LOOKS: u32 = 10;
const MAX_PERIOD: Duration = Duration::from_secs(1);

/// The responses of a server.
#[derive(Clone, Debug)]
pub struct Deliveries {
    /// The bytes of unsent responses.
    bytes: Budget,
    /// How long a connection may read nothing of a response.
    timeout: Duration,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    open: Mutex<Open>,
    cut: Counter,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    deliveries: HashMap<u64, Weak<Delivery>>,
}

/// What a response holds until it is sent.
#[derive(Debug, Default)]
pub struct Ends {
    /// The permit of its call.
    pub permit: Option<Permit>,
    /// The reservation for its bytes if it is one message, or for the stream.
    pub held: Option<Reservation>,
    /// Its deadline. A stream ends then; for another response the connection is cut.
    pub by: Option<Instant>,
}

/// A response, until it is sent.
#[derive(Debug)]
pub struct Delivery {
    number: u64,
    deliveries: Deliveries,
    holder: Holder,
    /// Whether its bytes are counted piece by piece, since it has no end.
    is_stream: bool,
    ends: Ends,
    /// How many pieces the connection has not written yet.
    waiting: AtomicUsize,
    /// When the last piece was written, in milliseconds since the server started.
    taken_at: AtomicU64,
    is_over: AtomicBool,
    /// The task that sends it.
    sender: AtomicWaker,
}

impl Deliveries {
    /// `cut` counts the connections that are cut.
    pub fn new(bytes: Budget, timeout: Duration, cut: Counter) -> Self {
        let open = Mutex::default();
        Self { bytes, timeout, shared: Arc::new(Shared { started: Instant::now(), open, cut }) }
    }

    /// The bytes of unsent responses.
    pub fn bytes(&self) -> &Budget {
        &self.bytes
    }

    /// How many responses are unsent.
    pub fn answers(&self) -> usize {
        self.shared.lock().deliveries.len()
    }

    /// How many connections were cut.
    pub fn cut_connections(&self) -> u64 {
        self.shared.cut.get()
    }

    /// Begins to send a response of one message.
    pub fn begin(&self, holder: Holder, ends: Ends) -> Arc<Delivery> {
        self.add(holder, ends, false)
    }

    /// Begins to send a stream of messages.
    pub fn begin_stream(&self, holder: Holder, ends: Ends) -> Arc<Delivery> {
        self.add(holder, ends, true)
    }

    fn add(&self, holder: Holder, ends: Ends, is_stream: bool) -> Arc<Delivery> {
        let mut open = self.shared.lock();
        open.last += 1;
        let delivery = Arc::new(Delivery {
            number: open.last,
            deliveries: self.clone(),
            holder,
            is_stream,
            ends,
            waiting: AtomicUsize::new(0),
            taken_at: AtomicU64::new(self.shared.now()),
            is_over: AtomicBool::new(false),
            sender: AtomicWaker::new(),
        });
        open.deliveries.insert(delivery.number, Arc::downgrade(&delivery));
        delivery
    }

    /// Cuts connections that do not read their responses in time. Never returns.
    pub async fn watch(self) {
        let period = self.timeout / LOOKS;
        let mut every = interval(period.clamp(Duration::from_millis(1), MAX_PERIOD));
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            every.tick().await;
            let open: Vec<_> = self.shared.lock().deliveries.values().cloned().collect();
            let (now, moment) = (self.shared.now(), Instant::now());
            for delivery in open.iter().filter_map(Weak::upgrade) {
                delivery.look(now, moment);
            }
        }
    }
}

impl Shared {
    /// Milliseconds since the server started.
    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// No code that runs under the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delivery {
    /// Ends it if it has taken too long.
    fn look(&self, now: u64, moment: Instant) {
        let is_over = self.ends.by.is_some_and(|by| by <= moment);
        let since = Duration::from_millis(now.saturating_sub(self.taken_at.load(Relaxed)));
        let timeout = self.deliveries.timeout;
        if self.is_stream {
            if is_over && !self.is_over.swap(true, Relaxed) {
                self.sender.wake();
            }
            // The producer of the messages ends the stream first, with a status.
            if self.waiting.load(Relaxed) > 0 && since > timeout * 2 {
                self.cut();
            }
        } else if is_over || since > timeout {
            self.cut();
        }
    }

    fn cut(&self) {
        if self.holder.connection().cut() {
            self.deliveries.shared.cut.inc();
            tracing::info!("a response was not read in time: its connection is closed");
        }
    }

    /// Reserves memory for a part of a stream, which exists already. For other responses it is
    /// reserved at the start.
    pub fn hold(&self, bytes: usize) -> Option<Arc<Reservation>> {
        let hold = || self.deliveries.bytes.reserve_even_beyond(&self.holder, bytes);
        self.is_stream.then(|| Arc::new(hold()))
    }

    /// A piece waits to be written.
    pub fn waits(&self) {
        // If nothing was waiting, nothing could be read.
        if self.waiting.fetch_add(1, Relaxed) == 0 {
            self.taken_at.store(self.deliveries.shared.now(), Relaxed);
        }
    }

    /// Whether its deadline has passed. The task that sends it is woken then.
    pub fn is_over(&self, sender: &Waker) -> bool {
        if self.ends.by.is_some() {
            self.sender.register(sender);
        }
        self.is_over.load(Relaxed)
    }

    /// A piece was written, or the connection is gone.
    pub fn taken(&self) {
        self.taken_at.store(self.deliveries.shared.now(), Relaxed);
        self.waiting.fetch_sub(1, Relaxed);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.deliveries.shared.lock().deliveries.remove(&self.number);
    }
}
