//! The log of the servers that tests start: warnings are shown with a failed test, and everything
//! that this crate logs at any level is scanned.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Once},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt as _},
};

use super::{Scan, scan};

/// Starts it for the process. Other crates log at the levels of the product.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let shown = tracing_subscriber::fmt::layer().with_test_writer().without_time();
        let looked_at = Targets::new()
            .with_default(LevelFilter::WARN)
            .with_target("throughline", LevelFilter::TRACE);
        let log = tracing_subscriber::registry()
            .with(shown.with_filter(LevelFilter::WARN))
            .with(LogScan::new(Arc::clone(scan())).with_filter(looked_at));
        tracing::subscriber::set_global_default(log).unwrap();
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            throughline::incident::note(panic);
            usual(panic);
        }));
    });
}

/// Scans everything that is logged.
pub struct LogScan(Arc<Scan>);

impl LogScan {
    pub fn new(scan: Arc<Scan>) -> Self {
        Self(scan)
    }
}

impl<S: Subscriber> Layer<S> for LogScan {
    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut said = Said::default();
        attributes.record(&mut said);
        self.0.logged(attributes.metadata().target(), &said.0);
    }

    fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        values.record(&mut said);
        self.0.logged("a span", &said.0);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        self.0.logged(event.metadata().target(), &said.0);
    }
}

/// The message and the fields.
#[derive(Default)]
struct Said(String);

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        write!(self.0, " {field}={value}").unwrap();
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}
