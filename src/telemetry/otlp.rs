//! Traces by OTLP over gRPC, configured by the variables of OpenTelemetry. They are exported to
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, or not at all if it is not set. They contain nothing that the log
//! does not.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};

use crate::config;

/// How long shutdown waits for the export of buffered traces.
const STOPPING: Duration = Duration::from_secs(5);

/// Exports spans. Buffered spans are exported when it is dropped.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// None if no endpoint is set. Must run within a tokio runtime.
    pub fn start() -> Option<Self> {
        if !config::has_traces_endpoint() {
            return None;
        }
        let exporter = match SpanExporter::builder().with_tonic().build() {
            Ok(exporter) => exporter,
            Err(error) => {
                // Logging has not started yet.
                eprintln!("traces do not go out: {error}");
                return None;
            }
        };
        let resource = Resource::builder().with_service_name(env!("CARGO_PKG_NAME")).build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Some(Self(provider))
    }

    pub fn tracer(&self) -> Tracer {
        self.0.tracer(env!("CARGO_PKG_NAME"))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Err(error) = self.0.shutdown_with_timeout(STOPPING) {
            tracing::warn!(%error, "the last traces were not exported");
        }
    }
}
