//! Observes the use of a database, for metrics and readiness.

use std::{sync::Arc, time::Duration};

use super::vitals::Vitals;
use crate::{
    error::Error,
    metrics::{DatabaseMetrics, Operation, PoolMeter},
    store::sql::statement::Kind,
};

/// The observers of the pools of a database.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    metrics: DatabaseMetrics,
    name: &'static str,
    vitals: Arc<Vitals>,
}

impl Observers {
    /// Observers for the database with a name.
    pub fn new(metrics: &DatabaseMetrics, name: &'static str) -> Self {
        Self { metrics: metrics.clone(), name, vitals: Arc::default() }
    }

    /// The observer of a pool.
    pub fn of(&self, kind: Kind, pool: &'static str) -> Observer {
        let system = match kind {
            Kind::Sqlite => "sqlite",
            Kind::Postgres => "postgresql",
        };
        let meter = self.metrics.pool(system, self.name, pool);
        let alone = if pool == "write" { Operation::Write } else { Operation::Read };
        Observer { meter, alone, vitals: Arc::clone(&self.vitals) }
    }
}

/// The observer of one pool.
#[derive(Debug)]
pub struct Observer {
    pub meter: PoolMeter,
    /// The operation of statements outside of a transaction.
    pub alone: Operation,
    pub vitals: Arc<Vitals>,
}

impl Observer {
    /// Records an operation that has ended.
    pub fn note<T>(&self, operation: Operation, took: Duration, result: &Result<T, Error>) {
        self.meter.operation(operation, took, result.as_ref().err().map(error_type));
        if let Err(Error::Damaged(cause)) = result {
            self.vitals.damaged(cause);
        }
        match result {
            Ok(_) if operation == Operation::Commit => self.vitals.succeeded(),
            Err(error) if operation != Operation::Read => self.vitals.failed(error),
            _ => {}
        }
    }
}

/// One of a few words.
fn error_type(error: &Error) -> &'static str {
    match error {
        Error::Unavailable(_) => "unavailable",
        Error::Damaged(_) => "damaged",
        Error::Conflict => "lost_race",
        _ => "other",
    }
}
