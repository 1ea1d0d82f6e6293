//! Watches that resume with the last token after each cut.

use std::time::Duration;

use throughline::pb::{self, watch_timeline_request, watch_timeline_response::Event};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};

use crate::client::Client;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// The results for one customer.
#[derive(Debug, Default)]
pub struct Watched {
    pub record: String,
    token: String,
    /// The record, the revision and the id of each entry, in order of arrival.
    pub entries: Vec<(String, i64, String)>,
}

/// Watches a record through all cuts until it is told to end, and has seen everything by then.
pub async fn watch(mut client: Client, record: String, is_seen: watch::Receiver<bool>) -> Watched {
    let mut watched = Watched { record, ..Default::default() };
    let mut pause = interval(PAUSE);
    pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pause.tick().await;
        // What was written before is seen by the time of a later heartbeat.
        let answer = client.timeline.watch_timeline(watched.call()).await;
        let Ok(answer) = answer else { continue };
        let mut stream = answer.into_inner();
        let mut quiet = 0;
        while let Ok(Some(response)) = stream.message().await {
            watched.token = response.resume_token;
            match response.event {
                Some(Event::Entry(entry)) => {
                    watched.entries.push((entry.customer_id, entry.revision, entry.id));
                }
                Some(Event::Heartbeat(_)) if *is_seen.borrow() => {
                    quiet += 1;
                    if quiet == 2 {
                        return watched;
                    }
                }
                _ => {}
            }
        }
    }
}

impl Watched {
    fn call(&self) -> pb::WatchTimelineRequest {
        let watched = watch_timeline_request::Watched::CustomerId(self.record.clone());
        let after_revision = self.token.is_empty().then_some(0);
        let resume_token = self.token.clone();
        pb::WatchTimelineRequest { watched: Some(watched), resume_token, after_revision }
    }
}
