//! Log lines, to the standard error.
//!
//! A log line holds no personal value: no name, identifier, text or search word of a customer. Ids
//! of records and calls, counts, durations, codes and names of fields are what it may hold. That
//! is why other crates only get to write warnings: at lower levels they show what passes through.

#[cfg(feature = "otlp")]
mod otlp;

use std::io::{self, IsTerminal as _};

use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer as _, filter::Targets, fmt, layer::SubscriberExt as _};

use crate::{
    config::{Config, LogFormat},
    incident,
};

/// What has to be kept until the process ends, so that nothing is lost that still has to go out.
#[must_use]
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otlp")]
    _traces: Option<otlp::Traces>,
}

/// Starts logging for the whole process; `usual` is the level where none is configured. Called
/// again it does nothing.
pub fn start(config: &Config, usual: Level, colour: bool) -> Telemetry {
    let level = LevelFilter::from_level(config.log_level.unwrap_or(usual));
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(level))
        // It shows the value of a parameter of a URL that it does not know: a password, misspelt.
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
        // The same calls whatever the log says, and nothing of other crates.
        let own = Targets::new().with_target(env!("CARGO_PKG_NAME"), LevelFilter::INFO);
        tracing_opentelemetry::layer().with_tracer(traces.tracer()).with_filter(own)
    }));
    // Whoever was first keeps the log, such as a test.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(incident::note));
    }
    Telemetry {
        #[cfg(feature = "otlp")]
        _traces: traces,
    }
}
