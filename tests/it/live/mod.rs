//! Watching timelines over real gRPC: what is sent, in which order, and how a watch ends.

mod ends;
mod filled;
mod merged;
mod of_case;
mod processes;
mod refused;
mod resumed;
mod soak;

pub use filled::execute;

use std::time::Duration;

use throughline::pb::{
    self, timeline_service_client::TimelineServiceClient, watch_timeline_request::Watched,
    watch_timeline_response::Event,
};
use tokio::time::timeout;
use tonic::{Code, IntoRequest, Status, Streaming};
use tonic_types::StatusExt as _;

use crate::{
    calls::Refusal,
    calls::refusal,
    support::{Server, Services},
};

/// A watch that has sent nothing for this long is broken.
const LATE: Duration = Duration::from_secs(120);

/// The call that watches a customer from now on.
pub fn watch(customer_id: &str) -> pb::WatchTimelineRequest {
    pb::WatchTimelineRequest {
        watched: Some(Watched::CustomerId(customer_id.to_owned())),
        ..Default::default()
    }
}

/// The call that watches a customer from the first entry on.
pub fn watch_all(customer_id: &str) -> pb::WatchTimelineRequest {
    pb::WatchTimelineRequest { after_revision: Some(0), ..watch(customer_id) }
}

/// The call that resumes a watch.
pub fn resume(customer_id: &str, token: &str) -> pb::WatchTimelineRequest {
    pb::WatchTimelineRequest { resume_token: token.to_owned(), ..watch(customer_id) }
}

/// A watch, with what it has sent.
pub struct Watching {
    stream: Streaming<pb::WatchTimelineResponse>,
    /// The token of the last event.
    pub token: String,
    /// The records in the last event about the customer.
    pub customer: pb::WatchedCustomer,
}

impl Watching {
    /// Begins a watch, which must be accepted.
    pub async fn begin(
        client: &TimelineServiceClient<Services>,
        call: impl IntoRequest<pb::WatchTimelineRequest>,
    ) -> Self {
        let stream = client.clone().watch_timeline(call).await.unwrap().into_inner();
        let customer = pb::WatchedCustomer::default();
        let mut watching = Self { stream, token: String::new(), customer };
        let Event::Customer(_) = watching.event().await.unwrap() else { panic!("no customer") };
        watching
    }

    /// The next event, or how the watch has ended.
    pub async fn event(&mut self) -> Result<Event, Status> {
        let next = timeout(LATE, self.stream.message()).await.expect("nothing came");
        let response = next?.expect("a watch does not end without a status");
        assert_ne!(response.resume_token, "");
        self.token = response.resume_token;
        let event = response.event.unwrap();
        if let Event::Customer(customer) = &event {
            self.customer = customer.clone();
        }
        Ok(event)
    }

    /// The next entry.
    pub async fn entry(&mut self) -> pb::Entry {
        loop {
            if let Event::Entry(entry) = self.event().await.unwrap() {
                return entry;
            }
        }
    }

    /// The entries until the watch has caught up.
    pub async fn caught_up(&mut self) -> Vec<pb::Entry> {
        let mut entries = Vec::new();
        loop {
            match self.event().await.unwrap() {
                Event::Entry(entry) => entries.push(entry),
                Event::Heartbeat(_) => return entries,
                Event::Customer(_) => {}
            }
        }
    }

    /// The entries until the watch has ended, and how it has.
    pub async fn end(&mut self) -> (Vec<pb::Entry>, Status) {
        let mut entries = Vec::new();
        loop {
            match self.event().await {
                Ok(Event::Entry(entry)) => entries.push(entry),
                Ok(_) => {}
                Err(status) => return (entries, status),
            }
        }
    }
}

impl Server {
    /// A watch on a connection of its own.
    pub async fn watching(&self, call: pb::WatchTimelineRequest) -> Watching {
        let client = TimelineServiceClient::new(self.connect().await);
        Watching::begin(&client.max_decoding_message_size(16 << 20), call).await
    }
}

/// Asserts that a watch has ended with an error and the token of its last event.
#[track_caller]
pub fn assert_ended(status: &Status, code: Code, reason: &str, token: &str) {
    let told = refusal::<()>(Err(status.clone()));
    assert_eq!(told, Refusal::new(code, reason, []), "{status}");
    let details = status.get_error_details();
    assert_eq!(details.error_info().unwrap().metadata["resume_token"], token);
}

/// The source_refs of entries, in order.
pub fn ids(entries: &[pb::Entry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.id.as_str()).collect()
}
