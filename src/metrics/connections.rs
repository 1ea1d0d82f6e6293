//! Metrics of client connections and of the bytes under way on them.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Labels;

/// Counts of open and closed connections. Clones share the numbers; default values are not
/// exported.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    pub authenticated: Gauge,
    pub unauthenticated: Gauge,
    /// Unauthenticated connections that were closed to make room.
    pub displaced: Counter,
    /// Connections that were cut because their client did not read a response.
    pub cut: Counter,
    /// Bytes of requests that are incomplete or being processed.
    pub request_bytes: Gauge,
    /// Bytes of responses that have not been sent.
    pub response_bytes: Gauge,
}

impl ConnectionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let open = Family::<Labels<1>, Gauge>::default();
        let in_state = |state| open.get_or_create(&[("state", state)]).clone();
        let buffered = Family::<Labels<1>, Gauge>::default();
        let waiting = |direction| buffered.get_or_create(&[("direction", direction)]).clone();
        let metrics = Self {
            authenticated: in_state("authenticated"),
            unauthenticated: in_state("unauthenticated"),
            displaced: Counter::default(),
            cut: Counter::default(),
            request_bytes: waiting("request"),
            response_bytes: waiting("response"),
        };
        registry.register(
            "throughline_connections",
            "Open connections, by whether a known caller has called over them",
            open,
        );
        registry.register(
            "throughline_connections_displaced",
            "Unauthenticated connections that were closed to make room for others",
            metrics.displaced.clone(),
        );
        registry.register(
            "throughline_connections_cut",
            "Connections that were cut as they took nothing of an answer",
            metrics.cut.clone(),
        );
        registry.register(
            "throughline_buffered_bytes",
            "Bytes of large requests and answers that are held, by direction",
            buffered,
        );
        metrics
    }
}
