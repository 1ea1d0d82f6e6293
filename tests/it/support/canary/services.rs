//! A connection to a server, for its clients: requests are recorded, and each error is scanned.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use tonic::{Status, body::Body, transport::Channel};
use tower::Service;

use super::scan;

/// The metadata that names the actor.
const ACTOR: &str = "throughline-actor";
/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

#[derive(Clone, Debug)]
pub struct Services(Channel);

impl Services {
    pub fn new(channel: Channel) -> Self {
        Self(channel)
    }
}

impl Service<Request<Body>> for Services {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let path = request.uri().path().to_owned();
        if let Some(Ok(actor)) = request.headers().get(ACTOR).map(|it| it.to_str()) {
            scan().add(actor, ACTOR);
        }
        let (sent_to, mut sent) = (path.clone(), Vec::new());
        let request = request.map(|body| {
            Body::new(body.map_frame(move |frame| {
                if let Some(data) = frame.data_ref() {
                    sent.extend_from_slice(data);
                    note(&sent_to, &mut sent);
                }
                frame
            }))
        });
        let answer = self.0.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            look(&path, answer.headers());
            Ok(answer.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    if let Some(trailers) = frame.trailers_ref() {
                        look(&path, trailers);
                    }
                    frame
                }))
            }))
        })
    }
}

/// Records the complete messages, and removes them.
fn note(path: &str, sent: &mut Vec<u8>) {
    while let Some((prefix, rest)) = sent.split_first_chunk::<PREFIX>() {
        let [_, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap();
        let Some(message) = rest.get(..length) else { return };
        scan().sent(path, message);
        sent.drain(..PREFIX + length);
    }
}

fn look(path: &str, headers: &HeaderMap) {
    if let Some(status) = Status::from_header_map(headers) {
        scan().answered(path, &status);
    }
}
