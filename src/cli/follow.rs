//! `throughline timeline --follow`: shows new entries of a customer as they are recorded. After a
//! lost connection it continues after the last entry shown.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use tokio::time::sleep;
use tonic::{Code, Status, Streaming};

use super::{
    connect::Client,
    failure::Failure,
    json,
    render::{self, EntryPrinter, TerminalStyle},
    serve::stop_signal,
};
use crate::pb::{self, watch_timeline_request::Watched, watch_timeline_response::Event};

/// The pause before it tries again: the first, and the longest.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Shows what is recorded about a customer from now on, until Ctrl-C: as JSON without a `style`.
pub async fn follow(
    client: &mut Client,
    customer: &pb::Customer,
    style: Option<&TerminalStyle>,
) -> Result<(), Failure> {
    let stop = stop_signal()?;
    let mut follower = Follower {
        request: pb::WatchTimelineRequest {
            watched: Some(Watched::CustomerId(customer.id.clone())),
            ..pb::WatchTimelineRequest::default()
        },
        printer: style.map(EntryPrinter::new),
    };
    let stream = follower.begin(client).await.map_err(|status| client.failure(&status))?;
    if let Some(style) = style {
        let mut out = io::stdout().lock();
        write!(out, "{}", render::customer(customer, style))?;
        writeln!(out, "\nNew entries appear here; Ctrl-C ends it.")?;
        out.flush()?;
    }
    tokio::select! {
        () = stop => Ok(()),
        Err(failure) = follower.show(client, stream) => Err(failure),
    }
}

struct Follower<'a> {
    request: pb::WatchTimelineRequest,
    /// None for JSON.
    printer: Option<EntryPrinter<'a>>,
}

impl Follower<'_> {
    /// Starts a watch and receives its first event, so that it can be resumed from there.
    async fn begin(
        &mut self,
        client: &mut Client,
    ) -> Result<Streaming<pb::WatchTimelineResponse>, Status> {
        let mut stream = client.timeline.watch_timeline(self.request.clone()).await?.into_inner();
        if let Some(first) = stream.message().await? {
            self.request.resume_token = first.resume_token;
        }
        Ok(stream)
    }

    /// Shows the events of a watch and resumes it, for ever.
    async fn show(
        &mut self,
        client: &mut Client,
        mut stream: Streaming<pb::WatchTimelineResponse>,
    ) -> Result<std::convert::Infallible, Failure> {
        let mut pause = PAUSE;
        loop {
            let mut ended = loop {
                match stream.message().await {
                    Ok(Some(response)) => {
                        pause = PAUSE;
                        self.event(response)?;
                    }
                    Ok(None) => break Status::unavailable("the watch has ended"),
                    Err(status) => break status,
                }
            };
            stream = loop {
                if !is_temporary(&ended) {
                    return Err(client.failure(&ended));
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                match self.begin(client).await {
                    Ok(stream) => break stream,
                    Err(status) => ended = status,
                }
            };
        }
    }

    fn event(&mut self, response: pb::WatchTimelineResponse) -> Result<(), Failure> {
        if let Some(Event::Entry(entry)) = &response.event {
            let mut out = io::stdout().lock();
            match &mut self.printer {
                Some(printer) => write!(out, "{}", printer.entry(entry, None))?,
                None => writeln!(out, "{}", json::to_json("Entry", entry)?)?,
            }
            out.flush()?;
        }
        // Entries that were not shown must come again.
        self.request.resume_token = response.resume_token;
        Ok(())
    }
}

/// Whether the watch can be resumed later. A lost connection is UNKNOWN in the middle of a stream.
fn is_temporary(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::Aborted | Code::ResourceExhausted | Code::Unknown
    ) || (status.code() == Code::Internal && status.details().is_empty())
}
