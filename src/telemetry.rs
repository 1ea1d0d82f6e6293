//! Logging to the standard error.
//!
//! Log lines contain no personal data: no name, identifier, text or search word of a customer. They
//! may contain ids of records and calls, counts, durations, codes and names of fields. Other crates
//! may therefore only log warnings: at lower levels they print the data that they process.

#[cfg(feature = "otlp")]
mod otlp;

use std::io::{self, IsTerminal as _};

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _};

use crate::{
    config::{Config, LogFormat},
    incident,
};

/// Guards that must live until the process ends, so that buffered traces are exported.
#[must_use]
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    _traces: Option<otlp::Traces>,
}

/// Starts logging for the whole process; `usual` is the level if none is configured. Further calls
/// have no effect.
pub fn start(config: &Config, usual: Level, colour: bool) -> Telemetry {
    let level = LevelFilter::from_level(config.log_level.unwrap_or(usual));
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        // This target logs the value of an unknown URL parameter, which may be a misspelt password.
        .with_target("sqlx_postgres::options", LevelFilter::OFF)
        .with_target(env!("CARGO_PKG_NAME"), level);
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match config.log_format {
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
        LogFormat::Text => lines.with_ansi(colour && io::stderr().is_terminal()).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines.with_filter(filter));
    #[cfg(feature = "otlp")]
    let traces = otlp::Traces::start();
    #[cfg(feature = "otlp")]
    let subscriber = subscriber.with(traces.as_ref().map(|traces| {
        // Traces cover the same calls whatever the log level is, and no other crates.
        let own = Targets::new().with_target(env!("CARGO_PKG_NAME"), LevelFilter::INFO);
        tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_filter(own)
    }));
    // A subscriber that was set earlier stays, for example that of a test.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(incident::note));
    }
    Telemetry {
        #[cfg(feature = "otlp")]
        _traces: traces,
    }
}
