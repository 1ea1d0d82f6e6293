//! Data under way: bytes are limited, and a client that does not read or send in time is
//! disconnected. Each limit has a control without it.

mod public_calls;
mod streams;
mod unfinished;
mod unread;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use prost::Message as _;
use throughline::{
    api::{budget::BudgetLimits, traffic::TrafficBounds},
    clock::Clock,
    pb::{self, ListTimelineRequest},
    server::Settings,
};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    calls::{account, by, list, note},
    support::{
        NOW, Server,
        raw::{RawAnswer, RawCall, RawConnection},
        settings,
        wire::frame,
    },
};

const LIST: &str = "/throughline.v1.TimelineService/ListTimeline";
const RECORD: &str = "/throughline.v1.TimelineService/RecordEntry";
/// The content type of browsers, in base64.
const TEXT: &str = "application/grpc-web-text";
const MIB: usize = 1 << 20;
/// How much of an unread response a client accepts, in bytes.
const NARROW: u32 = 1 << 10;
/// Far longer than any test takes.
const ENDLESS: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(100);

/// A server that lets nobody wait for long.
fn bounded(bytes: BudgetLimits) -> Settings {
    let traffic = TrafficBounds { bytes, receive_timeout: ENDLESS, send_timeout: ENDLESS };
    let usual = settings(Clock::Fixed(NOW));
    Settings { traffic, max_deadline: ENDLESS, default_deadline: ENDLESS, ..usual }
}

fn per_connection(per_connection: usize) -> BudgetLimits {
    BudgetLimits { per_connection, ..BudgetLimits::NONE }
}

/// A customer with this many entries of 200 KiB.
async fn large(server: &Server, entries: usize) -> String {
    let mut customer_id = String::new();
    for _ in 0..entries {
        let call = by(vec![account("anna")], note("-".repeat(200 << 10)));
        customer_id = server.recorded(call).await.customer_id;
    }
    customer_id
}

/// The call that lists a page of about 400 KiB.
async fn large_page(server: &Server) -> ListTimelineRequest {
    list(&large(server, 2).await)
}

/// Makes a call repeatedly, each with its whole message, as a browser would if the headers say so.
async fn begin(
    connection: &mut RawConnection,
    path: &str,
    headers: &[(&'static str, &str)],
    message: &impl prost::Message,
    times: usize,
) -> Vec<RawCall> {
    let mut calls = Vec::new();
    for _ in 0..times {
        let mut body = frame(&message.encode_to_vec());
        if headers.contains(&("content-type", TEXT)) {
            body = STANDARD.encode(body).into_bytes();
        }
        calls.push(connection.call(path, headers, body, true).await);
    }
    calls
}

/// The results of calls whose responses nobody reads: the answered ones, and the errors of the
/// others.
async fn heads(calls: Vec<RawCall>) -> (Vec<RawAnswer>, Vec<Status>) {
    let (mut answered, mut refused) = (Vec::new(), Vec::new());
    for call in calls {
        let answer = call.answer().await.unwrap();
        match answer.refusal {
            Some(status) => refused.push(status),
            None => answered.push(answer),
        }
    }
    (answered, refused)
}

/// Checks that a call may be retried, as the limit of bytes was reached.
#[track_caller]
fn assert_too_many_bytes(status: &Status, of: &str) {
    let details = status.get_error_details();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(details.error_info().unwrap().reason, "TOO_MANY_BYTES");
    assert!(details.retry_info().is_some());
    assert!(status.message().starts_with(of), "{}", status.message());
}

/// The body of a call that records a note of this size.
fn record(bytes: usize) -> Vec<u8> {
    let call: pb::RecordEntryRequest = by(vec![account("anna")], note("-".repeat(bytes)));
    frame(&call.encode_to_vec())
}
