//! Metrics of calls, named after OpenTelemetry's semantic conventions for RPC.

use std::{sync::Arc, time::Instant};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Labels, Metrics, durations};

/// The method label of a call that does not exist.
pub const OTHER: &str = "_OTHER";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    rpc_system_name: &'static str,
    rpc_method: &'static str,
    rpc_response_status_code: &'static str,
}

/// Durations and results of calls.
#[derive(Debug)]
pub struct CallMetrics {
    durations: Family<CallLabels, Histogram, fn() -> Histogram>,
    under_way: Gauge,
    refusals: Family<Labels<1>, Counter>,
}

impl CallMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            durations: Family::new_with_constructor(durations),
            under_way: Gauge::default(),
            refusals: Family::default(),
        };
        registry.register(
            "rpc_server_call_duration_seconds",
            "How long calls took, of a stream until its answer began",
            metrics.durations.clone(),
        );
        registry.register(
            "throughline_calls_under_way",
            "Calls that have no answer yet",
            metrics.under_way.clone(),
        );
        registry.register(
            "throughline_refusals",
            "Calls that were answered by an error, by its reason",
            metrics.refusals.clone(),
        );
        metrics
    }

    /// Counts a call that was refused with a reason of the contract.
    pub fn refuse(&self, reason: &'static str) {
        self.refusals.get_or_create(&[("reason", reason)]).inc();
    }

    /// How many calls were refused with a reason.
    pub fn refused(&self, reason: &'static str) -> u64 {
        self.refusals.get(&[("reason", reason)]).map_or(0, |count| count.get())
    }
}

/// A call that is measured until it ends. If it is dropped earlier, its caller has cancelled it.
#[derive(Debug)]
pub struct CallUnderWay {
    metrics: Arc<Metrics>,
    method: &'static str,
    begun: Instant,
    is_counted: bool,
}

impl CallUnderWay {
    /// Starts measuring a call.
    pub fn begin(metrics: &Arc<Metrics>, method: &'static str) -> Self {
        metrics.calls.under_way.inc();
        let metrics = Arc::clone(metrics);
        Self { metrics, method, begun: Instant::now(), is_counted: false }
    }

    /// Ends it with a code such as `NOT_FOUND`, and with a reason if it was refused.
    pub fn end(mut self, code: &'static str, reason: Option<&'static str>) {
        self.count(code);
        if let Some(reason) = reason {
            self.metrics.calls.refuse(reason);
        }
    }

    fn count(&mut self, code: &'static str) {
        if std::mem::replace(&mut self.is_counted, true) {
            return;
        }
        let labels = CallLabels {
            rpc_system_name: "grpc",
            rpc_method: self.method,
            rpc_response_status_code: code,
        };
        let seconds = self.begun.elapsed().as_secs_f64();
        self.metrics.calls.durations.get_or_create(&labels).observe(seconds);
        self.metrics.calls.under_way.dec();
    }
}

impl Drop for CallUnderWay {
    fn drop(&mut self) {
        self.count("CANCELLED");
    }
}
