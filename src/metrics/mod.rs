//! The metrics of a server, for Prometheus. Each store has its own metrics, which its server
//! shares; nothing is global. Labels have few values that are known beforehand, and none comes from
//! a customer or a caller. `docs/metrics.md` lists all metrics, which a test checks.

mod calls;
mod connections;
mod database;
mod jobs;
mod process;
mod store;

use std::fmt;

use prometheus_client::{
    encoding::prometheus_text,
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

pub use calls::{CallMetrics, CallUnderWay, OTHER};
pub use connections::ConnectionMetrics;
pub use database::{DatabaseMetrics, Operation, PoolMeter};
pub use jobs::{Job, JobMetrics};
pub use prometheus_text::CONTENT_TYPE;
pub use store::{Queue, StoreMetrics};

use crate::{clock::Clock, model::Micros};

/// The bucket bounds of durations, in seconds: a read takes less than a millisecond, and deadlines
/// are seconds.
const DURATIONS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Names and values of labels.
type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The metrics of a store and its server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub calls: CallMetrics,
    pub database: DatabaseMetrics,
    pub jobs: JobMetrics,
    pub store: StoreMetrics,
    pub connections: ConnectionMetrics,
}

impl Metrics {
    /// The metrics of a store on a kind of database.
    pub fn new(kind: &'static str, clock: Clock) -> Self {
        let mut registry = Registry::default();
        let calls = CallMetrics::register(&mut registry);
        let database = DatabaseMetrics::register(&mut registry);
        let (jobs, store) =
            (JobMetrics::register(&mut registry), StoreMetrics::register(&mut registry));
        let connections = ConnectionMetrics::register(&mut registry);
        let build = Family::<Labels<2>, Gauge>::default();
        let labels = [("version", env!("CARGO_PKG_VERSION")), ("database", kind)];
        build.get_or_create(&labels).set(1);
        registry.register("throughline_build_info", "The version and its kind of database", build);
        process::register(&mut registry, clock);
        Self { registry, calls, database, jobs, store, connections }
    }

    /// All metrics in the text format.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A time in seconds since 1970, as Prometheus represents it.
#[allow(clippy::cast_precision_loss, reason = "exact to the microsecond for centuries")]
fn seconds(micros: Micros) -> f64 {
    micros as f64 / 1e6
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}
