//! A well-behaved caller during an attack: one call after the other, each timed.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use throughline::pb::{self, get_briefing_request};
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use tonic::{
    Request,
    metadata::{Ascii, MetadataValue},
};

use crate::{
    client::{Client, Refusal},
    wait::{until, within},
};

type Header = MetadataValue<Ascii>;

/// The deadline of each call.
const DEADLINE: Duration = Duration::from_secs(4);

/// A caller that continues until the value is dropped.
pub struct Neighbour {
    calls: Arc<Mutex<Calls>>,
    running: JoinHandle<()>,
}

/// The results of consecutive calls.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub times: Vec<Duration>,
    pub failed: Vec<String>,
}

impl Calls {
    /// The time that this percentage of the calls does not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut times = self.times.clone();
        times.sort();
        times.get(times.len() * percent / 100).copied().unwrap_or_default()
    }

    /// Adds later calls.
    pub fn extend(&mut self, more: Self) {
        self.times.extend(more.times);
        self.failed.extend(more.failed);
    }

    pub fn add(&mut self, result: Result<Duration, String>) {
        match result {
            Ok(took) => self.times.push(took),
            Err(how) => self.failed.push(how),
        }
    }

    fn count(&self) -> usize {
        self.times.len() + self.failed.len()
    }
}

impl Neighbour {
    /// Starts requesting the briefing of a customer, as a separate caller.
    pub fn start(client: Client, authorization: &str, customer_id: String) -> Self {
        let calls = Arc::new(Mutex::new(Calls::default()));
        let authorization = authorization.parse().expect("a header");
        let running = tokio::spawn(work(client, authorization, customer_id, Arc::clone(&calls)));
        Self { calls, running }
    }

    /// Waits for the next calls, and returns them.
    pub async fn next(&self, count: usize, bound: Duration) -> Calls {
        *self.calls.lock().unwrap() = Calls::default();
        let done = until(async || self.calls.lock().unwrap().count() >= count);
        within(bound, "others go on", done).await;
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn work(
    mut client: Client,
    authorization: Header,
    customer_id: String,
    calls: Arc<Mutex<Calls>>,
) {
    let customer = Some(get_briefing_request::Customer::CustomerId(customer_id));
    let call = pb::GetBriefingRequest { customer, ..Default::default() };
    loop {
        let mut request = Request::new(call.clone());
        request.set_timeout(DEADLINE);
        request.metadata_mut().insert("authorization", authorization.clone());
        let begun = Instant::now();
        let answer = timeout(DEADLINE, client.timeline.get_briefing(request)).await;
        let took = begun.elapsed();
        let result = match answer {
            Ok(Ok(_)) => Ok(took),
            Ok(Err(status)) => {
                let refusal = Refusal::from(status);
                Err(format!("{}: {}", refusal.name(), refusal.message))
            }
            Err(_) => Err("no answer".to_owned()),
        };
        calls.lock().unwrap().add(result);
        tokio::task::yield_now().await;
    }
}
