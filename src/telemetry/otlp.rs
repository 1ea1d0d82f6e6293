//! Traces by OTLP over gRPC, as the variables of OpenTelemetry say: they go to the address in
//! `OTEL_EXPORTER_OTLP_ENDPOINT`, and nowhere without it. What is in them is in the log too.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};

use crate::config;

/// How long the end waits for what has not gone out yet.
const STOPPING: Duration = Duration::from_secs(5);

/// Sends spans. What waits is sent when it is dropped.
#[derive(Debug)]
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Nothing where no address is set. Within a runtime of tokio.
    pub fn start() -> Option<Self> {
        if !config::has_traces_endpoint() {
            return None;
        }
        let exporter = match SpanExporter::builder().with_tonic().build() {
            Ok(exporter) => exporter,
            Err(error) => {
                // There is no log yet.
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
            tracing::warn!(%error, "the last traces did not go out");
        }
    }
}
