//! Connections of callers.

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Labels;

/// How many connections are open, and how many had to go. Copies are of the same numbers; those
/// that are made by default are in nobody's metrics.
#[derive(Clone, Debug, Default)]
pub struct ConnectionMetrics {
    pub authenticated: Gauge,
    pub unauthenticated: Gauge,
    /// Unauthenticated ones that were closed to make room.
    pub displaced: Counter,
}

impl ConnectionMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let open = Family::<Labels<1>, Gauge>::default();
        let in_state = |state| open.get_or_create(&[("state", state)]).clone();
        let metrics = Self {
            authenticated: in_state("authenticated"),
            unauthenticated: in_state("unauthenticated"),
            displaced: Counter::default(),
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
        metrics
    }
}
