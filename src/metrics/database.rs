//! Statements and connections of the databases, by the names of OpenTelemetry's semantic
//! conventions where there are some.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{Labels, durations};

/// What is done with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Statements outside of a transaction.
    Read,
    /// Statements that write, or are within a transaction.
    Write,
    Begin,
    Commit,
    /// All of a transaction, from its begin to its commit.
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

/// The labels of a statement. No error has an empty type.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    db_system_name: &'static str,
    db_namespace: &'static str,
    db_operation_name: &'static str,
    error_type: &'static str,
}

type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// How long statements take, and how long they wait for a connection.
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

    /// What measures a pool of a database.
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

/// Measures one pool of connections. What is measured with each statement needs no look-up.
#[derive(Debug)]
pub struct PoolMeter {
    metrics: DatabaseMetrics,
    labels: [OperationLabels; 5],
    succeeded: [Histogram; 5],
    waits: Histogram,
    place: Labels<2>,
}

impl PoolMeter {
    /// An operation has ended, well or with a type of error.
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

    /// There was a connection, or none in time.
    pub fn waited(&self, time: Duration) {
        self.waits.observe(time.as_secs_f64());
    }

    /// So many connections are used, and so many idle.
    pub fn connections(&self, used: usize, idle: usize) {
        let [database, pool] = self.place;
        for (state, count) in [("used", used), ("idle", idle)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let labels = [database, pool, ("state", state)];
            self.metrics.connections.get_or_create(&labels).set(count);
        }
    }
}
