//! The response of a watch: its events, and the reason why it ended.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_util::Stream;
use tokio::sync::{mpsc, oneshot};
use tonic::Status;

use super::event::{EncodedEvent, Event};
use crate::{api::status::ended, error::Error};

/// The events of a watch.
#[derive(Debug)]
pub struct WatchStream {
    events: mpsc::Receiver<Event>,
    /// None once it has been returned.
    end: Option<oneshot::Receiver<Error>>,
    /// The token of the last event that was taken.
    resume_token: String,
}

impl WatchStream {
    /// `resume_token` is the start of the watch.
    pub fn new(
        events: mpsc::Receiver<Event>,
        end: oneshot::Receiver<Error>,
        resume_token: String,
    ) -> Self {
        Self { events, end: Some(end), resume_token }
    }
}

impl Stream for WatchStream {
    type Item = Result<EncodedEvent, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.events.poll_recv(cx)) {
            Some(event) => {
                self.resume_token = event.resume_token;
                Some(Ok(event.encoded))
            }
            None => self.end.take().map(|mut end| {
                let lost = |_| Error::Internal("a watch ended without a word".to_owned());
                Err(ended(&end.try_recv().unwrap_or_else(lost), &self.resume_token))
            }),
        })
    }
}
