//! The trace context of a call (`traceparent`, W3C Trace Context): the log names the trace, and
//! with the feature `otlp` the span of the call joins it.

use http::HeaderMap;
use tracing::Span;

const TRACEPARENT: &str = "traceparent";

/// A parsed `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TraceContext<'a> {
    /// 32 digits.
    trace_id: &'a str,
    /// The caller's span: 16 digits.
    #[cfg_attr(
        not(feature = "otlp"),
        allow(dead_code, reason = "for the log the trace is enough")
    )]
    parent_id: &'a str,
    #[cfg_attr(
        not(feature = "otlp"),
        allow(dead_code, reason = "for the log the trace is enough")
    )]
    is_sampled: bool,
}

impl<'a> TraceContext<'a> {
    /// None if the header is missing or malformed.
    fn of(headers: &'a HeaderMap) -> Option<Self> {
        let text = headers.get(TRACEPARENT)?.to_str().ok()?;
        let mut parts = text.split('-');
        let (version, trace_id) = (hex(parts.next()?, 2)?, hex(parts.next()?, 32)?);
        let (parent_id, flags) = (hex(parts.next()?, 16)?, hex(parts.next()?, 2)?);
        // Later versions may have further parts.
        if version == "ff" || version == "00" && parts.next().is_some() {
            return None;
        }
        let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
        if is_zero(trace_id) || is_zero(parent_id) {
            return None;
        }
        let is_sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        Some(Self { trace_id, parent_id, is_sampled })
    }
}

fn hex(text: &str, digits: usize) -> Option<&str> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (text.len() == digits && text.bytes().all(is_digit)).then_some(text)
}

/// Makes the span of a call part of its caller's trace.
pub fn join(span: &Span, headers: &HeaderMap) {
    let Some(context) = TraceContext::of(headers) else { return };
    span.record("trace_id", context.trace_id);
    #[cfg(feature = "otlp")]
    set_parent(span, context);
}

#[cfg(feature = "otlp")]
fn set_parent(span: &Span, context: TraceContext<'_>) {
    use opentelemetry::{
        Context,
        trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
    };
    use tracing_opentelemetry::OpenTelemetrySpanExt as _;

    let TraceContext { trace_id, parent_id, is_sampled } = context;
    let (Ok(trace_id), Ok(parent_id)) = (TraceId::from_hex(trace_id), SpanId::from_hex(parent_id))
    else {
        return;
    };
    let flags = TraceFlags::default().with_sampled(is_sampled);
    let parent = SpanContext::new(trace_id, parent_id, flags, true, TraceState::default());
    // An error means that no exporter is configured.
    let _ = span.set_parent(Context::new().with_remote_span_context(parent));
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::TraceContext;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn of(text: &str) -> Option<(String, bool)> {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", text.parse().unwrap());
        TraceContext::of(&headers).map(|it| (it.trace_id.to_owned(), it.is_sampled))
    }

    #[test]
    fn a_trace_is_read_as_the_standard_has_it() {
        let trace = |sampled| Some((TRACE.to_owned(), sampled));
        assert_eq!(of(&format!("00-{TRACE}-b7ad6b7169203331-01")), trace(true));
        assert_eq!(of(&format!("00-{TRACE}-b7ad6b7169203331-00")), trace(false));
        assert_eq!(of(&format!("cc-{TRACE}-b7ad6b7169203331-01-more")), trace(true));
        assert_eq!(TraceContext::of(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_none_is_left_alone() {
        for wrong in [
            String::new(),
            "anna@example.net".to_owned(),
            format!("00-{TRACE}"),
            format!("00-{TRACE}-b7ad6b7169203331-01-more"),
            format!("ff-{TRACE}-b7ad6b7169203331-01"),
            format!("00-{}-b7ad6b7169203331-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-0000000000000000-01"),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01".to_owned(),
        ] {
            assert_eq!(of(&wrong), None, "{wrong}");
        }
    }
}
