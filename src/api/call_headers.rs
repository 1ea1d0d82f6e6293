//! Headers of a call: its request id and its timeout.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use tonic::{Code, Status};

use super::status::refused;
use crate::{clock::Clock, pb::ErrorReason};

pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub const TIMEOUT: &str = "grpc-timeout";
/// A longer timeout is a mistake: one year.
const FARTHEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// The timeout of a call, if the caller sets one.
pub fn wanted_time(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(TIMEOUT) else { return Ok(None) };
    let wanted = value.to_str().ok().and_then(read_timeout).filter(|wanted| *wanted < FARTHEST);
    let message = "grpc-timeout must be 1 to 8 digits and a unit (H, M, S, m, u or n), \
        and less than a year";
    let bad = || refused(Code::InvalidArgument, message, ErrorReason::BadDeadline);
    wanted.map(Some).ok_or_else(bad)
}

/// Parses the header as the gRPC protocol over HTTP/2 defines it.
fn read_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

/// The caller's request id if it is well-formed, otherwise a new one.
pub fn request_id(headers: &HeaderMap, clock: Clock) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        (1..=64).contains(&id.len())
            && id.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    headers.get(&REQUEST_ID).filter(harmless).cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&clock.new_id().to_string())
            .unwrap_or(HeaderValue::from_static("none"))
    })
}
