//! Metrics of statements and connections of the databases, named after OpenTelemetry's semantic
//! conventions where these define a name.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Labels, durations};

/// The kind of a database operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Statements outside of a transaction.
    Read,
    /// Statements that write, or are within a transaction.
    Write,
    Begin,
    Commit,
    /// A whole transaction, from its begin to its commit.
    Transaction,
}

impl Operation {
    const ALL: [Self; 5] = [Self::Read, Self::Write, Self::Begin, Self::Commit, Self::Transaction];

    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Begin => "begin",
            Self::Commit => "commit",
            Self::Transaction => "transaction",
        }
    }
}

/// The labels of a statement. Its error type is empty on success.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    db_system_name: &'static str,
    db_namespace: &'static str,
    db_operation_name: &'static str,
    error_type: &'static str,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// Durations of statements and waiting times for connections.
#[derive(Clone, Debug)]
pub struct DatabaseMetrics {
    operations: Durations<OperationLabels>,
    waits: Durations<Labels<2>>,
    connections: Family<Labels<3>, Gauge>,
}

impl Default for DatabaseMetrics {
    fn default() -> Self {
        Self {
            operations: Family::new_with_constructor(durations),
            waits: Family::new_with_constructor(durations),
            connections: Family::default(),
        }
    }
}

impl DatabaseMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "db_client_operation_duration_seconds",
            "How long statements and transactions took",
            metrics.operations.clone(),
        );
        registry.register(
            "throughline_pool_wait_seconds",
            "How long statements and transactions waited for a connection",
            metrics.waits.clone(),
        );
        registry.register(
            "throughline_pool_connections",
            "Connections to the databases",
            metrics.connections.clone(),
        );
        metrics
    }

    /// The meter of a connection pool.
    pub fn pool(
        &self,
        system: &'static str,
        database: &'static str,
        pool: &'static str,
    ) -> PoolMeter {
        let labels = |operation: Operation| OperationLabels {
            db_system_name: system,
            db_namespace: database,
            db_operation_name: operation.name(),
            error_type: "",
        };
        PoolMeter {
            labels: Operation::ALL.map(labels),
            succeeded: Operation::ALL.map(|it| self.operations.get_or_create_owned(&labels(it))),
            waits: self.waits.get_or_create_owned(&[("database", database), ("pool", pool)]),
            place: [("database", database), ("pool", pool)],
            metrics: self.clone(),
        }
    }
}

/// Measures one connection pool. It caches its series, so that measuring a statement needs no
/// look-up.
#[derive(Debug)]
pub struct PoolMeter {
    metrics: DatabaseMetrics,
    labels: [OperationLabels; 5],
    succeeded: [Histogram; 5],
    waits: Histogram,
    place: Labels<2>,
}

impl PoolMeter {
    /// Records an operation that ended, with the type of its error if it failed.
    pub fn operation(&self, operation: Operation, took: Duration, error: Option<&'static str>) {
        let index = operation as usize;
        let seconds = took.as_secs_f64();
        match error {
            None => self.succeeded[index].observe(seconds),
            Some(error_type) => {
                let labels = OperationLabels { error_type, ..self.labels[index].clone() };
                self.metrics.operations.get_or_create(&labels).observe(seconds);
            }
        }
    }

    /// Records how long a caller waited for a connection.
    pub fn waited(&self, time: Duration) {
        self.waits.observe(time.as_secs_f64());
    }

    /// Sets the numbers of used and idle connections.
    pub fn connections(&self, used: usize, idle: usize) {
        let [database, pool] = self.place;
        for (state, count) in [("used", used), ("idle", idle)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let labels = [database, pool, ("state", state)];
            self.metrics.connections.get_or_create(&labels).set(count);
        }
    }
}
