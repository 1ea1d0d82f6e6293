//! What is learnt of a database from its use: for the metrics, and for readiness.

use std::{sync::Arc, time::Duration};

use crate::{
    error::Error,
    metrics::{DatabaseMetrics, Operation, PoolMeter},
    store::{dialect::Kind, health::Vitals},
};

/// What the pools of one database tell.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    metrics: DatabaseMetrics,
    name: &'static str,
    vitals: Arc<Vitals>,
}

impl Observers {
    /// Those of the database of a name.
    pub fn new(metrics: &DatabaseMetrics, name: &'static str) -> Self {
        Self { metrics: metrics.clone(), name, vitals: Arc::default() }
    }

    /// The one of a pool.
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

/// What one pool tells.
#[derive(Debug)]
pub struct Observer {
    pub meter: PoolMeter,
    /// What statements outside of a transaction do.
    pub alone: Operation,
    pub vitals: Arc<Vitals>,
}

impl Observer {
    /// An operation has ended.
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

/// One of few words.
fn error_type(error: &Error) -> &'static str {
    match error {
        Error::Unavailable(_) => "unavailable",
        Error::Damaged(_) => "damaged",
        Error::LostRace => "lost_race",
        _ => "other",
    }
}
