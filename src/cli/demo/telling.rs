//! How a story is told: each scene with its time, what the agents see, what is said, and every
//! entry of the timeline as it arrives through a watch.

use std::{io::Write, time::Duration};

use anyhow::Context as _;
use jiff::Timestamp;
use tonic::transport::Channel;

use crate::{
    cli::render::{self, EntryPrinter, TerminalStyle},
    clock::MovedClock,
    model::Micros,
    pb::{
        self, timeline_service_client::TimelineServiceClient, watch_timeline_request::Watched,
        watch_timeline_response::Event,
    },
    store::Store,
};

/// How long a call of the story takes by the story's clock, in microseconds.
const MOMENT: Micros = 1_000_000;

/// Where and how a story is told.
pub struct Stage<'a> {
    /// The database that the services serve, with the story's clock.
    pub store: &'a Store,
    pub services: &'a Channel,
    pub moved: &'static MovedClock,
    pub style: &'a TerminalStyle,
    /// The pause before each scene.
    pub pause: Duration,
    pub out: &'a mut dyn Write,
}

/// A story that is being told.
pub struct Telling<'a> {
    stage: Stage<'a>,
    now: Micros,
    lines: EntryPrinter<'a>,
    /// The watch on the customer's timeline, from the last entry that was shown.
    watch: pb::WatchTimelineRequest,
}

impl<'a> Telling<'a> {
    /// Begins at a time; the ids are the same in each telling.
    pub fn begin(stage: Stage<'a>, time: &str, whose: pb::Identifier) -> anyhow::Result<Self> {
        let now = micros(time)?;
        stage.moved.begin(now, 4, 1);
        let watch = pb::WatchTimelineRequest {
            watched: Some(Watched::Identifier(whose)),
            after_revision: Some(0),
            ..pb::WatchTimelineRequest::default()
        };
        Ok(Self { now, lines: EntryPrinter::new(stage.style), watch, stage })
    }

    /// Moves to a later time, and breaks promises that are overdue by then.
    pub async fn scene(&mut self, time: &str, title: &str) -> anyhow::Result<()> {
        let at = micros(time)?;
        self.stage.moved.forward(at - self.now);
        self.now = at;
        tokio::time::sleep(self.stage.pause).await;
        let at = Timestamp::from_microsecond(at)?.to_zoned(self.stage.style.zone.clone());
        let at = at.strftime("%A %-d %B %Y %H:%M");
        writeln!(self.stage.out, "\n=== {title} ({at})\n")?;
        self.stage.store.break_due_promises().await?;
        Ok(())
    }

    /// Prints what is said, or a description.
    pub fn say(&mut self, text: &str) -> anyhow::Result<()> {
        for line in text.lines() {
            let rows = render::wrap(line, self.stage.style.width).join("\n");
            writeln!(self.stage.out, "{rows}")?;
        }
        Ok(())
    }

    /// Shows an agent's screen.
    pub fn show(&mut self, briefing: Option<&pb::Briefing>) -> anyhow::Result<()> {
        let style = TerminalStyle {
            width: self.stage.style.width.saturating_sub(4),
            ..self.stage.style.clone()
        };
        let Some(briefing) = briefing else {
            return Ok(writeln!(self.stage.out, "  | (the screen is empty)\n")?);
        };
        let screen = render::briefing(briefing, &style);
        // An id is not worth a line of a story.
        for line in screen.lines().filter(|line| !line.contains(&briefing.customer_id)) {
            writeln!(self.stage.out, "{}", format!("  | {line}").trim_end())?;
        }
        Ok(writeln!(self.stage.out)?)
    }

    /// Shows new entries of the timeline. A call has been made: the clock advances a little.
    pub async fn catch_up(&mut self) -> anyhow::Result<()> {
        let mut client = TimelineServiceClient::new(self.stage.services.clone());
        let mut events = client.watch_timeline(self.watch.clone()).await?.into_inner();
        loop {
            let message = events.message().await?.context("the watch has ended")?;
            self.watch.resume_token = message.resume_token;
            match message.event {
                Some(Event::Entry(entry)) => {
                    let text = self.lines.entry(&entry, None);
                    for line in text.lines().filter(|line| !line.is_empty()) {
                        writeln!(self.stage.out, "  + {line}")?;
                    }
                }
                Some(Event::Heartbeat(_)) => break,
                Some(Event::Customer(_)) | None => {}
            }
        }
        self.stage.out.flush()?;
        self.stage.moved.forward(MOMENT);
        self.now += MOMENT;
        Ok(())
    }
}

fn micros(time: &str) -> anyhow::Result<Micros> {
    Ok(time.parse::<Timestamp>()?.as_microsecond())
}
